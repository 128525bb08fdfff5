/* SPDX-License-Identifier: MIT */
/*
 * A far return to a null selector is #GP(0). [SDM2 "RET"]
 *
 * cpl: 3
 * in:  [stack]=0x0000000010000003 [stack+8]=0x0000000000000003
 * out: fault=13
 */
	lretq
	nop
