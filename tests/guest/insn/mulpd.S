/* SPDX-License-Identifier: MIT */
/*
 * mulpd: a denormal operand, underflow. [SDM2 "MULPD"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=f64:1e-200,3 xmm1=f64:1e-200,0.1
 * out: mxcsr=0x1fb0 xmm0=0x3fd3333333333334_0000000000000000
 * in:  xmm0=0x0000000000000001_3ff0000000000000 xmm1=f64:2,2
 * out: mxcsr=0x1f82 xmm0=0x0000000000000002_4000000000000000
 */
	mulpd %xmm1, %xmm0
