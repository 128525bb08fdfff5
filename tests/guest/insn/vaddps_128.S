/* SPDX-License-Identifier: MIT */
/*
 * The VEX form of 128 bits clears the upper half. [SDM1 14.1.3 "VEX
 * Instruction Encoding"]
 *
 * needs: avx
 * random: ymm1 ymm2
 * in:  xmm1=f32:1,2,3,4 xmm2=f32:8,7,6,5
 * out: ymm0=0x0000000000000000_0000000000000000_4110000041100000_4110000041100000
 */
	vaddps %xmm2, %xmm1, %xmm0
