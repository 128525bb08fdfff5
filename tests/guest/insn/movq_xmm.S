/* SPDX-License-Identifier: MIT */
/*
 * movq between registers clears the upper half. [SDM2 "MOVQ"]
 *
 * in:
 * out: xmm0=0x0000000000000000_4f4e4d4c4b4a4948
 */
	movq %xmm1, %xmm0
