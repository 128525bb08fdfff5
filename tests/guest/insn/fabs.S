/* SPDX-License-Identifier: MIT */
/*
 * fabs. [SDM2 "FABS"]
 *
 * in:  st=-1.5
 * out: st=0x3fffc000000000000000
 */
	fabs
