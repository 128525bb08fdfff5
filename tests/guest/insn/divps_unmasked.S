/* SPDX-License-Identifier: MIT */
/*
 * An unmasked SIMD exception is #XM, and writes nothing but MXCSR. [SDM2
 * "DIVPS"]
 *
 * in:  mxcsr=0x1d80 xmm0=f32:1,1,1,1 xmm1=f32:1,0,1,3
 * out: mxcsr=0x1d84 fault=19
 */
	divps %xmm1, %xmm0
