/* SPDX-License-Identifier: MIT */
/*
 * ucomisd: equal, less, unordered. [SDM2 "UCOMISD"]
 *
 * random: ymm0 ymm1 flags
 * in:  xmm0=f64:1,0 xmm1=f64:1,0 flags=aso
 * out: flags=z
 * in:  xmm0=f64:1,0 xmm1=f64:2,0
 * out: flags=c
 * in:  xmm0=0x0_7ff8000000000000 xmm1=f64:2,0
 * out: flags=cpz
 */
	ucomisd %xmm1, %xmm0
