/* SPDX-License-Identifier: MIT */
/*
 * fdecstp moves the TOP and no tag. [SDM2 "FDECSTP"]
 *
 * in:  st=1,2 fsw=0x0200
 * out: fsw=0
 * out: st=0,1,2,0,0,0,0,0
 * out: top=5 ftw=0xc0
 */
	fdecstp
