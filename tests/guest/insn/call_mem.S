/* SPDX-License-Identifier: MIT */
/*
 * An indirect call reads its target before it pushes. [SDM2 "CALL"]
 *
 * in:  [stack-8]=0x0000000010000005
 * out: rsp=stack-0x8 [stack-8]=0x0000000010000004
 */
	call *-8(%rsp)
	nop
