/* SPDX-License-Identifier: MIT */
/*
 * fninit. [SDM2 "FINIT/FNINIT"]
 *
 * in:  st=1,2 fcw=0x77f
 * out: fcw=0x37f st=
 */
	fninit
