/* SPDX-License-Identifier: MIT */
/*
 * popf sets the status flags and DF. [SDM2 "POPF/POPFD/POPFQ"]
 *
 * in:  [stack]=0x0000000000000ed7
 * out: rsp=stack+0x8 flags=cpazsdo
 * in:  [stack]=0x0000000000000202 flags=cpazsdo
 * out: rsp=stack+0x8 flags=
 */
	popfq
