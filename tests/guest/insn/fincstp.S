/* SPDX-License-Identifier: MIT */
/*
 * fincstp. [SDM2 "FINCSTP"]
 *
 * in:
 * out: st= top=1
 * in:  st=1,2
 * out: st=2,0,0,0,0,0,0,1
 * out: top=7 ftw=0xc0
 */
	fincstp
