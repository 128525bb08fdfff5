/* SPDX-License-Identifier: MIT */
/*
 * vtestps looks at the signs. [SDM2 "VTESTPD/VTESTPS"]
 *
 * needs: avx
 * random: ymm1 ymm2 flags
 * in:  ymm1=0x80000000 ymm2=0x80000000 flags=paso
 * out: flags=c
 * in:  ymm1=0x0 ymm2=0x80000000
 * out: flags=z
 */
	vtestps %ymm2, %ymm1
