/* SPDX-License-Identifier: MIT */
/*
 * vaddps of 256 bits. [SDM2 "ADDPS"]
 *
 * needs: avx
 * random: ymm1 ymm2
 * in:  ymm1=f32:1,2,3,4,5,6,7,8 ymm2=f32:8,7,6,5,4,3,2,1
 * out: ymm0=0x4110000041100000_4110000041100000_4110000041100000_4110000041100000
 */
	vaddps %ymm2, %ymm1, %ymm0
