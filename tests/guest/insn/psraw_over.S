/* SPDX-License-Identifier: MIT */
/*
 * psraw by more than the width fills with the sign. [SDM2
 * "PSRAW/PSRAD/PSRAQ"]
 *
 * random: ymm0
 * in:  xmm0=0x80007fff xmm1=0x100000000
 * out: xmm0=0x0000000000000000_00000000ffff0000
 * in:  xmm0=0x80007fff xmm1=0x3
 * out: xmm0=0x0000000000000000_00000000f0000fff
 */
	psraw %xmm1, %xmm0
