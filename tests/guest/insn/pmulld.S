/* SPDX-License-Identifier: MIT */
/*
 * pmulld. [SDM2 "PMULLD/PMULLQ"]
 *
 * needs: sse41
 * random: ymm0 ymm1
 * in:  xmm0=0x00010000ffffffff xmm1=0x00010001fffffffe
 * out: xmm0=0x0000000000000000_0001000000000002
 */
	pmulld %xmm1, %xmm0
