/* SPDX-License-Identifier: MIT */
/*
 * vextractf128 to memory. [SDM2 "VEXTRACTF128"]
 *
 * needs: avx
 * in:  rsi=data+1
 * out: [data+0]=0x5655545352515001 [data+8]=0x5655545352515057
 * out: [data+16]=0xa29b948d867f7857
 */
	vextractf128 $1, %ymm2, (%rsi)
