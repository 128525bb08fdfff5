/* SPDX-License-Identifier: MIT */
/*
 * Other VEX forms take any address. [SDM1 14.9 "Memory Alignment"]
 *
 * needs: avx
 * in:  rsi=data [data+1]=f32:1,2,3,4,5,6,7,8 ymm1=f32:1,1,1,1,1,1,1,1
 * out: ymm0=0x4110000041000000_40e0000040c00000_40a0000040800000_4040000040000000
 */
	vaddps 1(%rsi), %ymm1, %ymm0
