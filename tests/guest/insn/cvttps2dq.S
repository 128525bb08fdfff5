/* SPDX-License-Identifier: MIT */
/*
 * cvttps2dq. [SDM2 "CVTTPS2DQ"]
 *
 * random: ymm1
 * in:  xmm1=f32:1.9,-1.9,0.5,1e10
 * out: mxcsr=0x1fa1 xmm0=0x8000000000000000_ffffffff00000001
 */
	cvttps2dq %xmm1, %xmm0
