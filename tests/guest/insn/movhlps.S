/* SPDX-License-Identifier: MIT */
/*
 * movhlps. [SDM2 "MOVHLPS"]
 *
 * in:
 * out: xmm0=0x4746454443424140_4f4e4d4c4b4a4948
 */
	movhlps %xmm1, %xmm0
