/* SPDX-License-Identifier: MIT */
/*
 * fadd with 24-bit precision control. [SDM1 8.1.5.2 "Precision Control
 * Field"]
 *
 * in:  fcw=0x07f st=16777216,1.5
 * out: fsw=0x220 st=0x40178000010000000000,0x3fffc000000000000000
 */
	fadd %st(1), %st
