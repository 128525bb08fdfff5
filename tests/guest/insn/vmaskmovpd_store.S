/* SPDX-License-Identifier: MIT */
/*
 * Masked elements are not written. [SDM2 "VMASKMOV"]
 *
 * needs: avx
 * in:  rsi=data
 * in:  ymm2=0x8000000000000000_0000000000000000_8000000000000000_0000000000000000
 * out: [data+8]=0x4f4e4d4c4b4a4948 [data+24]=0x4f4e4d4c4b4a4948
 */
	vmaskmovpd %ymm1, %ymm2, (%rsi)
