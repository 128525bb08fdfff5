/* SPDX-License-Identifier: MIT */
/*
 * vblendvpd. [SDM2 "BLENDVPD"]
 *
 * needs: avx
 * random: ymm3
 * in:  ymm3=0x8000000000000000_0000000000000000_ffffffffffffffff_7fffffffffffffff
 * out: ymm0=0x5756555453525150_4f4e4d4c4b4a4948_5756555453525150_4f4e4d4c4b4a4948
 */
	vblendvpd %ymm3, %ymm2, %ymm1, %ymm0
