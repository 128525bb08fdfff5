/* SPDX-License-Identifier: MIT */
/*
 * pshufb: a set top bit gives zero. [SDM2 "PSHUFB"]
 *
 * needs: ssse3
 * random: ymm0 ymm1
 * in:  xmm1=0x0f0e0d0c0b0a0908_8081020304050607
 * out: xmm0=0x4746454443424140_0000424344454647
 */
	pshufb %xmm1, %xmm0
