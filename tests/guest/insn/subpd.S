/* SPDX-License-Identifier: MIT */
/*
 * subpd, a NaN: the first operand is preferred. [SDM2 "SUBPD"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x7ff8000000000001_7ff0000000000002
 * in:  xmm1=0x7ff8000000000003_7ff8000000000004
 * out: mxcsr=0x1f81 xmm0=0x7ff8000000000001_7ff8000000000002
 * in:  xmm0=f64:1,2 xmm1=f64:3,-0.5
 * out: xmm0=0x4004000000000000_c000000000000000
 */
	subpd %xmm1, %xmm0
