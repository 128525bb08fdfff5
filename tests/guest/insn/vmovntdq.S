/* SPDX-License-Identifier: MIT */
/*
 * vmovntdq. [SDM2 "MOVNTDQ"]
 *
 * needs: avx
 * in:  rsi=data+0x20
 * out: [data+32]=0x4f4e4d4c4b4a4948 [data+40]=0x4f4e4d4c4b4a4948
 * out: [data+48]=0x4f4e4d4c4b4a4948 [data+56]=0x4f4e4d4c4b4a4948
 */
	vmovntdq %ymm1, (%rsi)
