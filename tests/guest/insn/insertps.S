/* SPDX-License-Identifier: MIT */
/*
 * insertps with a zero mask. [SDM2 "INSERTPS"]
 *
 * needs: sse41
 * in:
 * out: xmm0=0x0000000043424140_4b4a494800000000
 */
	insertps $0x99, %xmm1, %xmm0
