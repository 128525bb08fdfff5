/* SPDX-License-Identifier: MIT */
/*
 * palignr. [SDM2 "PALIGNR"]
 *
 * needs: ssse3
 * in:
 * out: xmm0=0x44434241404f4e4d_4c4b4a49484f4e4d
 */
	palignr $5, %xmm1, %xmm0
