/* SPDX-License-Identifier: MIT */
/*
 * A far return to the same level. [SDM2 "RET"]
 *
 * cpl: 3
 * in:  [stack]=0x0000000010000002 [stack+8]=0x0000000000000033
 * out: rsp=stack+0x10
 */
	lretq
