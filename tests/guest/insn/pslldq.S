/* SPDX-License-Identifier: MIT */
/*
 * pslldq moves bytes. [SDM2 "PSLLDQ"]
 *
 * in:
 * out: xmm0=0x4241404746454443_4241400000000000
 * in:  xmm0=0x1
 * out: xmm0=0x0000000000000000_0000010000000000
 */
	pslldq $5, %xmm0
