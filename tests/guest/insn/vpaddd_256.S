/* SPDX-License-Identifier: MIT */
/*
 * vpaddd of 256 bits. [SDM2 "PADDB/PADDW/PADDD/PADDQ"]
 *
 * needs: avx2
 * random: ymm1 ymm2
 * in:
 * out: ymm0=0xa6a4a2a09e9c9a98_a6a4a2a09e9c9a98_a6a4a2a09e9c9a98_a6a4a2a09e9c9a98
 */
	vpaddd %ymm2, %ymm1, %ymm0
