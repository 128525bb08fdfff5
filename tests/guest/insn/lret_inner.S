/* SPDX-License-Identifier: MIT */
/*
 * A far return to an inner level is #GP of the selector. [SDM2 "RET"]
 *
 * cpl: 3
 * in:  [stack]=0x0000000010000002 [stack+8]=0x0000000000000010
 * out: fault=13 error=0x10
 */
	lretq
