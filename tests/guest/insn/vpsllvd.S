/* SPDX-License-Identifier: MIT */
/*
 * vpsllvd: counts beyond the width give 0. [SDM2 "VPSLLVW/VPSLLVD/VPSLLVQ"]
 *
 * needs: avx2
 * random: ymm1 ymm2
 * in:  ymm2=0x00000000_00000001_0000001f_00000020_ffffffff_00000004_00000005_00000006
 * out: ymm0=0x4f4e4d4c96949290_0000000000000000_00000000b4a49480_e9c9a980d2925200
 */
	vpsllvd %ymm2, %ymm1, %ymm0
