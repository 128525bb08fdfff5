/* SPDX-License-Identifier: MIT */
/*
 * cmpps: not less than, and unordered. [SDM2 "CMPPS"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x7fc00000_3f800000_40000000_3f800000 xmm1=f32:2,1,1,1
 * out: mxcsr=0x1f81 xmm0=0xffffffffffffffff_ffffffff00000000
 */
	cmpnltps %xmm1, %xmm0
