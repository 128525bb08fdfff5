/* SPDX-License-Identifier: MIT */
/*
 * frndint. [SDM2 "FRNDINT"]
 *
 * in:  st=2.5
 * out: fsw=0x20 st=2
 * in:  st=2.5 fcw=0x77f
 * out: fsw=0x20 st=2
 */
	frndint
