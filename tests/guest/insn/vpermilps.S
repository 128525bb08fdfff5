/* SPDX-License-Identifier: MIT */
/*
 * vpermilps by a register. [SDM2 "VPERMILPS"]
 *
 * needs: avx
 * random: ymm1 ymm2
 * in:  ymm2=0x00000000_00000001_00000002_00000003_00000003_00000003_00000000_00000000
 * out: ymm0=0x4b4a49484f4e4d4c_4b4a49484f4e4d4c_4f4e4d4c4f4e4d4c_4b4a49484b4a4948
 */
	vpermilps %ymm2, %ymm1, %ymm0
