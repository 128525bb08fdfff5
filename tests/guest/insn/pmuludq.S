/* SPDX-License-Identifier: MIT */
/*
 * pmuludq. [SDM2 "PMULUDQ"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0xffffffffffffffff xmm1=0x12345678ffffffff
 * out: xmm0=0x0000000000000000_fffffffe00000001
 */
	pmuludq %xmm1, %xmm0
