/* SPDX-License-Identifier: MIT */
/*
 * pcmpgtb has signs. [SDM2 "PCMPGTB/PCMPGTW/PCMPGTD"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x7f80ff00 xmm1=0x807f0000
 * out: xmm0=0x0000000000000000_00000000ff000000
 */
	pcmpgtb %xmm1, %xmm0
