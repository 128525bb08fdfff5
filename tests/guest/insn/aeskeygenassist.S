/* SPDX-License-Identifier: MIT */
/*
 * aeskeygenassist. [SDM2 "AESKEYGENASSIST"]
 *
 * needs: aes
 * random: ymm1
 * in:  xmm1=0x3c4fcf098815f7aba6d2ae2816157e2b
 * out: xmm0=0x01eb848beb848a01_3424b5e524b5e434
 */
	aeskeygenassist $1, %xmm1, %xmm0
