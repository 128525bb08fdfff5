/* SPDX-License-Identifier: MIT */
/*
 * pcmpistri: equal any. [SDM2 "PCMPISTRI"]
 *
 * needs: sse42
 * random: ymm0 ymm1
 * in:  xmm0=0x6f6c6c6568 xmm1=0x646c726f77_20
 * out: rcx=0x2 flags=czs
 * in:  rcx=0 xmm0=0x0 xmm1=0x0
 * out: rcx=0x10 flags=zs
 */
	pcmpistri $0, %xmm1, %xmm0
