/* SPDX-License-Identifier: MIT */
/*
 * vfnmsub132ss. [SDM2 "VFNMSUB132SS/VFNMSUB213SS/VFNMSUB231SS"]
 *
 * needs: fma
 * random: ymm0 ymm1 [data]
 * in:  rsi=data [data]=f32:2 xmm0=f32:3 xmm1=f32:4
 * out: ymm0=0x0000000000000000_0000000000000000_0000000000000000_00000000c1200000
 */
	vfnmsub132ss (%rsi), %xmm1, %xmm0
