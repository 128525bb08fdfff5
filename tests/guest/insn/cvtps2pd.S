/* SPDX-License-Identifier: MIT */
/*
 * cvtps2pd. [SDM2 "CVTPS2PD"]
 *
 * random: ymm1
 * in:  xmm1=f32:0.1,-2
 * out: xmm0=0xc000000000000000_3fb99999a0000000
 */
	cvtps2pd %xmm1, %xmm0
