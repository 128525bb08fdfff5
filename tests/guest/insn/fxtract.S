/* SPDX-License-Identifier: MIT */
/*
 * fxtract. [SDM2 "FXTRACT"]
 *
 * in:  st=-12
 * out: st=0xbfffc000000000000000,3
 * in:  st=0
 * out: fsw=0x4 st=0,0xffff8000000000000000
 */
	fxtract
