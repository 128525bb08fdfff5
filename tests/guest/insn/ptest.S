/* SPDX-License-Identifier: MIT */
/*
 * ptest sets ZF and CF, clears the rest. [SDM2 "PTEST"]
 *
 * needs: sse41
 * random: ymm0 ymm1 flags
 * in:  xmm0=0xf0 xmm1=0x0f flags=paso
 * out: flags=z
 * in:  xmm0=0xff xmm1=0x0f
 * out: flags=c
 */
	ptest %xmm1, %xmm0
