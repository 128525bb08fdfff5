/* SPDX-License-Identifier: MIT */
/*
 * packuswb. [SDM2 "PACKUSWB"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0xffff_0100_00ff_0001 xmm1=0x7fff8000
 * out: xmm0=0x000000000000ff00_0000000000ffff01
 */
	packuswb %xmm1, %xmm0
