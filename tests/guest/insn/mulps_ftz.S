/* SPDX-License-Identifier: MIT */
/*
 * Flush to zero and denormals are zeros. [SDM1 10.2.3 "MXCSR Control and
 * Status Register"]
 *
 * random: ymm0 ymm1
 * in:  mxcsr=0x9fc0 xmm0=0x00000001_3f800000_00800000_00800001
 * in:  xmm1=f32:0.5,0.25,1,1e30
 * out: mxcsr=0x9ff0 xmm0=0x000000003f800000_0000000000000000
 */
	mulps %xmm1, %xmm0
