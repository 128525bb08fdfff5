/* SPDX-License-Identifier: MIT */
/*
 * A far return at CPL 0. [SDM2 "RET"]
 *
 * cpl: 0
 * in:  [stack]=0x0000000010000002 [stack+8]=0x0000000000000010
 * out: rsp=stack+0x10
 */
	lretq
