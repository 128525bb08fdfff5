/* SPDX-License-Identifier: MIT */
/*
 * minps: the second operand for zeros and NaN. [SDM2 "MINPS"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x7fc00000_80000000_00000000_3f800000
 * in:  xmm1=0x3f800000_00000000_80000000_7fc00000
 * out: mxcsr=0x1f81 xmm0=0x3f80000000000000_800000007fc00000
 */
	minps %xmm1, %xmm0
