/* SPDX-License-Identifier: MIT */
/*
 * phaddsw. [SDM2 "PHADDSW"]
 *
 * needs: ssse3
 * random: ymm0 ymm1
 * in:  xmm0=0x7fff0001 xmm1=0x80008000
 * out: xmm0=0x0000000000008000_0000000000007fff
 */
	phaddsw %xmm1, %xmm0
