/* SPDX-License-Identifier: MIT */
/*
 * 62 is no BOUND in 64-bit mode, and no EVEX with this P1. [SDM2 2.7.11 "#UD
 * Equations for EVEX"]
 *
 * in:
 * out: fault=6
 */
	.byte 0x62, 0x02, 0x00, 0x00, 0x00, 0x00 /* EVEX with reserved bits */
