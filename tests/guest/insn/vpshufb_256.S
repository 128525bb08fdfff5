/* SPDX-License-Identifier: MIT */
/*
 * vpshufb works in each half. [SDM2 "PSHUFB"]
 *
 * needs: avx2
 * random: ymm1 ymm2
 * in:
 * out: ymm0=0x4f4e4d4c4b4a4948_4f4e4d4c4b4a4948_4f4e4d4c4b4a4948_4f4e4d4c4b4a4948
 */
	vpshufb %ymm2, %ymm1, %ymm0
