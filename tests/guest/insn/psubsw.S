/* SPDX-License-Identifier: MIT */
/*
 * psubsw saturates with signs. [SDM2 "PSUBSB/PSUBSW"]
 *
 * random: ymm0 ymm1
 * in:  xmm0=0x80007fff xmm1=0x0001ffff
 * out:
 */
	psubsw %xmm1, %xmm0
