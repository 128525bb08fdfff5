/* SPDX-License-Identifier: MIT */
/*
 * pavgw rounds up. [SDM2 "PAVGB/PAVGW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0xffff0001 xmm1=0xfffe0002
 * out: xmm0=0x0000000000000000_00000000ffff0002
 */
	pavgw %xmm1, %xmm0
