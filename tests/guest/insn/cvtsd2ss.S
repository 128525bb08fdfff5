/* SPDX-License-Identifier: MIT */
/*
 * cvtsd2ss. [SDM2 "CVTSD2SS"]
 *
 * random: ymm0 ymm1
 * in:  xmm1=f64:0.1,0
 * out: mxcsr=0x1fa0 xmm0=0x4746454443424140_474645443dcccccd
 * in:  xmm1=f64:1e300,0
 * out: mxcsr=0x1fa8 xmm0=0x4746454443424140_474645447f800000
 */
	cvtsd2ss %xmm1, %xmm0
