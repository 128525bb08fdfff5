/* SPDX-License-Identifier: MIT */
/*
 * fnstsw to AX has the TOP. [SDM2 "FSTSW/FNSTSW"]
 *
 * in:  rax=0x1111111111111111 st=1,2 fsw=0x4100
 * out: rax=0x1111111111117100
 */
	fnstsw %ax
