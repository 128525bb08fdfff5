/* SPDX-License-Identifier: MIT */
/*
 * A far return that takes parameters off. [SDM2 "RET"]
 *
 * cpl: 3
 * in:  [stack]=0x0000000010000004 [stack+8]=0x0000000000000033
 * out: rsp=stack+0x20
 */
	lretq $0x10
