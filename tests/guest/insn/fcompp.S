/* SPDX-License-Identifier: MIT */
/*
 * fcompp pops both. [SDM2 "FCOM/FCOMP/FCOMPP"]
 *
 * in:  st=1,2,3
 * out: fsw=0x100 st=3
 */
	fcompp
