/* SPDX-License-Identifier: MIT */
/*
 * palignr by more than 16 takes zeros. [SDM2 "PALIGNR"]
 *
 * needs: ssse3
 * in:
 * out: xmm0=0x0000000047464544_4342414047464544
 */
	palignr $20, %xmm1, %xmm0
