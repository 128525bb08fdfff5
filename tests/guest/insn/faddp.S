/* SPDX-License-Identifier: MIT */
/*
 * faddp. [SDM2 "FADD/FADDP/FIADD"]
 *
 * in:  st=1.25,2.5,3
 * out: st=0x4000f000000000000000,3
 */
	faddp
