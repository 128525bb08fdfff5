/* SPDX-License-Identifier: MIT */
/*
 * fcom sets C0, C2 and C3. [SDM2 "FCOM/FCOMP/FCOMPP"]
 *
 * in:  st=1,2
 * out: fsw=0x100
 * in:  st=2,1
 * out:
 * in:  st=1,1
 * out: fsw=0x4000
 * in:  st=0x7fffc000000000000000,1
 * out: fsw=0x4501
 */
	fcom %st(1)
