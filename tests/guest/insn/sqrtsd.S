/* SPDX-License-Identifier: MIT */
/*
 * sqrtsd. [SDM2 "SQRTSD"]
 *
 * random: ymm0 ymm1
 * in:  xmm1=f64:2,0
 * out: mxcsr=0x1fa0 xmm0=0x4746454443424140_3ff6a09e667f3bcd
 * in:  xmm1=f64:-1,0
 * out: mxcsr=0x1f81 xmm0=0x4746454443424140_fff8000000000000
 */
	sqrtsd %xmm1, %xmm0
