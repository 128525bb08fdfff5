/* SPDX-License-Identifier: MIT */
/*
 * ret takes parameters off. [SDM2 "RET"]
 *
 * in:  [stack]=0x0000000010000003
 * out: rsp=stack+0x20
 */
	ret $0x18
