/* SPDX-License-Identifier: MIT */
/*
 * vmovsd of three registers. [SDM2 "MOVSD"]
 *
 * needs: avx
 * in:
 * out: ymm0=0x0000000000000000_0000000000000000_4f4e4d4c4b4a4948_5756555453525150
 */
	vmovsd %xmm2, %xmm1, %xmm0
