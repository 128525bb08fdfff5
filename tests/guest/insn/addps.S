/* SPDX-License-Identifier: MIT */
/*
 * addps. [SDM2 "ADDPS"]
 *
 * random: ymm0 ymm1
 * in:  xmm1=f32:1,2,-3,4 xmm0=f32:0.1,5,3,-1e30
 * out: mxcsr=0x1fa0 xmm0=0xf149f2ca00000000_40e000003f8ccccd
 * in:  xmm0=f32:3e38,1,0,1 xmm1=f32:3e38,1,0,1
 * out: mxcsr=0x1fa8 xmm0=0x4000000000000000_400000007f800000
 */
	addps %xmm1, %xmm0
