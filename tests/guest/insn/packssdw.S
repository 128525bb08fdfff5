/* SPDX-License-Identifier: MIT */
/*
 * packssdw. [SDM2 "PACKSSWB/PACKSSDW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x80000000_7fffffff_00007fff_ffff8000 xmm1=0x1
 * out: xmm0=0x0000000000000001_80007fff7fff8000
 */
	packssdw %xmm1, %xmm0
