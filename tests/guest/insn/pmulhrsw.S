/* SPDX-License-Identifier: MIT */
/*
 * pmulhrsw. [SDM2 "PMULHRSW"]
 *
 * needs: ssse3
 * random: ymm0 ymm1
 * in:  xmm0=0x80007fff4000 xmm1=0x800080004001
 * out: xmm0=0x0000000000000000_0000800080012001
 */
	pmulhrsw %xmm1, %xmm0
