/* SPDX-License-Identifier: MIT */
/*
 * fadd. [SDM2 "FADD/FADDP/FIADD"]
 *
 * in:  st=1.25,2.5
 * out: st=0x4000f000000000000000,0x4000a000000000000000
 * in:  st=0x7fff8000000000000000,0xffff8000000000000000
 * out: fsw=0x1 st=0xffffc000000000000000,0xffff8000000000000000
 */
	fadd %st(1), %st
