/* SPDX-License-Identifier: MIT */
/*
 * unpcklps. [SDM2 "UNPCKLPS"]
 *
 * in:  xmm0=f32:1,2,3,4 xmm1=f32:5,6,7,8
 * out: xmm0=0x40c0000040000000_40a000003f800000
 */
	unpcklps %xmm1, %xmm0
