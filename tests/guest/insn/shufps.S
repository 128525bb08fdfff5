/* SPDX-License-Identifier: MIT */
/*
 * shufps. [SDM2 "SHUFPS"]
 *
 * in:  xmm0=f32:1,2,3,4 xmm1=f32:5,6,7,8
 * out: xmm0=0x40a0000040c00000_4040000040800000
 */
	shufps $0x1b, %xmm1, %xmm0
