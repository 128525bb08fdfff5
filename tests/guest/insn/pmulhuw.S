/* SPDX-License-Identifier: MIT */
/*
 * pmulhuw. [SDM2 "PMULHUW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0xffff8000 xmm1=0xffff0002
 * out: xmm0=0x0000000000000000_00000000fffe0001
 */
	pmulhuw %xmm1, %xmm0
