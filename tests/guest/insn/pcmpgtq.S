/* SPDX-License-Identifier: MIT */
/*
 * pcmpgtq. [SDM2 "PCMPGTQ"]
 *
 * needs: sse42
 * random: ymm0 ymm1
 * in:  xmm0=0x8000000000000000_0000000000000001
 * in:  xmm1=0x7fffffffffffffff_0000000000000000
 * out: xmm0=0x0000000000000000_ffffffffffffffff
 */
	pcmpgtq %xmm1, %xmm0
