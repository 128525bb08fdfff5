/* SPDX-License-Identifier: MIT */
/*
 * psadbw. [SDM2 "PSADBW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x00ff00ff00ff00ff xmm1=0x0
 * out: xmm0=0x0000000000000000_00000000000003fc
 */
	psadbw %xmm1, %xmm0
