/* SPDX-License-Identifier: MIT */
/*
 * maxsd. [SDM2 "MAXSD"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=f64:1,9 xmm1=f64:2,8
 * out: xmm0=0x4022000000000000_4000000000000000
 */
	maxsd %xmm1, %xmm0
