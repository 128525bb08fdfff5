/* SPDX-License-Identifier: MIT */
/*
 * pushf: RF and VM are pushed as 0. [SDM2 "PUSHF/PUSHFD/PUSHFQ"]
 *
 * in:  flags=cpazsdo
 * out: rsp=stack-0x8 [stack-8]=0x0000000000000ed7
 */
	pushfq
