/* SPDX-License-Identifier: MIT */
/*
 * roundsd up, without the precision exception. [SDM2 "ROUNDSD"]
 *
 * needs: sse41
 * random: ymm0 ymm1
 * in:  xmm1=f64:1.1,0
 * out: xmm0=0x4746454443424140_4000000000000000
 */
	roundsd $10, %xmm1, %xmm0
