/* SPDX-License-Identifier: MIT */
/*
 * cvtps2dq. [SDM2 "CVTPS2DQ"]
 *
 * random: ymm1
 * in:  xmm1=f32:1.5,2.5,-3.5,3e9
 * out: mxcsr=0x1fa1 xmm0=0x80000000fffffffc_0000000200000002
 */
	cvtps2dq %xmm1, %xmm0
