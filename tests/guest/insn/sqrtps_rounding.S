/* SPDX-License-Identifier: MIT */
/*
 * sqrtps rounded up. [SDM1 4.8.4 "Rounding"]
 *
 * in:  rsi=data mxcsr=0x5f80 [data]=f32:2,3,4,5
 * out: mxcsr=0x5fa0 xmm2=0x400f1bbd40000000_3fddb3d83fb504f4
 */
	sqrtps (%rsi), %xmm2
