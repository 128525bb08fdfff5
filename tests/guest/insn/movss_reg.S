/* SPDX-License-Identifier: MIT */
/*
 * movss between registers keeps the rest. [SDM2 "MOVSS"]
 *
 * in:
 * out: xmm0=0x4746454443424140_474645444b4a4948
 */
	movss %xmm1, %xmm0
