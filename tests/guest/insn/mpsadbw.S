/* SPDX-License-Identifier: MIT */
/*
 * mpsadbw. [SDM2 "MPSADBW"]
 *
 * needs: sse41
 * random: ymm0 ymm1
 * in:
 * out: xmm0=0x00240028002c0030_002c002800240020
 */
	mpsadbw $5, %xmm1, %xmm0
