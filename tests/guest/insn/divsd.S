/* SPDX-License-Identifier: MIT */
/*
 * divsd: division by zero, masked. [SDM2 "DIVSD"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=f64:1,7 xmm1=f64:-0,7
 * out: mxcsr=0x1f84 xmm0=0x401c000000000000_fff0000000000000
 * in:  xmm0=f64:1,7 xmm1=f64:3,7
 * out: mxcsr=0x1fa0 xmm0=0x401c000000000000_3fd5555555555555
 */
	divsd %xmm1, %xmm0
