/* SPDX-License-Identifier: MIT */
/*
 * roundps to nearest. [SDM2 "ROUNDPS"]
 *
 * needs: sse41
 * random: ymm1
 * in:  xmm1=f32:0.5,1.5,-2.5,1e20
 * out: mxcsr=0x1fa0 xmm0=0x60ad78ecc0000000_4000000000000000
 */
	roundps $0, %xmm1, %xmm0
