/* SPDX-License-Identifier: MIT */
/*
 * fdiv: by zero with the exception masked. [SDM2 "FDIV/FDIVP/FIDIV"]
 *
 * in:  st=3,1
 * out: st=3
 * in:  st=0,1
 * out: st=0
 * in:  st=0,0
 * out: fsw=0x1 st=0xffffc000000000000000
 */
	fdivp
