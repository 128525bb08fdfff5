/* SPDX-License-Identifier: MIT */
/*
 * comiss is loud for QNaN. [SDM2 "COMISS"]
 *
 * random: ymm0 ymm1 flags
 * in:  xmm0=0x7fc00000 xmm1=f32:1
 * out: flags=cpz mxcsr=0x1f81
 */
	comiss %xmm1, %xmm0
