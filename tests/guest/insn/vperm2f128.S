/* SPDX-License-Identifier: MIT */
/*
 * vperm2f128 with a zeroed half. [SDM2 "VPERM2F128"]
 *
 * needs: avx
 * in:
 * out: ymm0=0x0000000000000000_0000000000000000_5756555453525150_5756555453525150
 */
	vperm2f128 $0x83, %ymm2, %ymm1, %ymm0
