/* SPDX-License-Identifier: MIT */
/*
 * call pushes the next address. [SDM2 "CALL"]
 *
 * in:
 * out: rsp=stack-0x8 [stack-8]=0x0000000010000005
 */
	call 1f
	nop
1:
