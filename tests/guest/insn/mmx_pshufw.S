/* SPDX-License-Identifier: MIT */
/*
 * pshufw. [SDM2 "PSHUFW"]
 *
 * in:  mm0=0 mm1=0x0004000300020001
 * out: st=0xffff0001000200030004,0xffff0004000300020001,0,0,0,0,0,0
 */
	pshufw $0x1b, %mm1, %mm0
