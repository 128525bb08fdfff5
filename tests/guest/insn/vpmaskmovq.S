/* SPDX-License-Identifier: MIT */
/*
 * vpmaskmovq. [SDM2 "VPMASKMOV"]
 *
 * needs: avx2
 * in:  rsi=data+0x1ff8 xmm2=0x0000000000000000_8000000000000000
 * out: ymm0=0x0000000000000000_0000000000000000_0000000000000000_faf3ece5ded7d0c9
 */
	vpmaskmovq (%rsi), %xmm2, %xmm0
