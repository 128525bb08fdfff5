/* SPDX-License-Identifier: MIT */
/*
 * addss keeps the rest of the register. [SDM2 "ADDSS"]
 *
 * random: ymm0 ymm1
 * in:  xmm1=f32:1,2,-3,4 xmm0=f32:0.1,5,3,-1e30
 * out: mxcsr=0x1fa0 xmm0=0xf149f2ca40400000_40a000003f8ccccd
 */
	addss %xmm1, %xmm0
