/* SPDX-License-Identifier: MIT */
/*
 * psllq by an immediate. [SDM2 "PSLLW/PSLLD/PSLLQ"]
 *
 * random: ymm0
 * in:  xmm0=0x3_0000000000000001
 * out: xmm0=0x8000000000000000_8000000000000000
 * in:
 * out: xmm0=0x0000000000000000_0000000000000000
 */
	psllq $63, %xmm0
