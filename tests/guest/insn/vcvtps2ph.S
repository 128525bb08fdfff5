/* SPDX-License-Identifier: MIT */
/*
 * vcvtps2ph. [SDM2 "VCVTPS2PH"]
 *
 * needs: f16c
 * random: ymm1
 * in:  ymm1=f32:1,2,0.1,65520,1e-8,-0,3,4
 * out: mxcsr=0x1fb8
 * out: ymm0=0x0000000000000000_0000000000000000_4400420080000000_7c002e6640003c00
 */
	vcvtps2ph $0, %ymm1, %xmm0
