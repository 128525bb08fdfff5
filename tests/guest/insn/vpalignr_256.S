/* SPDX-License-Identifier: MIT */
/*
 * vpalignr works in each half. [SDM2 "PALIGNR"]
 *
 * needs: avx2
 * in:
 * out: ymm0=0x4a49485756555453_5251505756555453_4a49485756555453_5251505756555453
 */
	vpalignr $3, %ymm2, %ymm1, %ymm0
