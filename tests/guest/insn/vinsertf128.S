/* SPDX-License-Identifier: MIT */
/*
 * vinsertf128. [SDM2 "VINSERTF128"]
 *
 * needs: avx
 * in:
 * out: ymm0=0x5756555453525150_5756555453525150_4f4e4d4c4b4a4948_4f4e4d4c4b4a4948
 */
	vinsertf128 $1, %xmm2, %ymm1, %ymm0
