/* SPDX-License-Identifier: MIT */
/*
 * fistp rounds as the control word says. [SDM2 "FIST/FISTP"]
 *
 * in:  rsi=data st=2.5
 * out: fsw=0x20 st= [data+0]=0x0000000000000002
 * in:  rsi=data st=2.5 fcw=0xb7f
 * out: fsw=0x220 st= [data+0]=0x0000000000000003
 * in:  rsi=data st=-3.5
 * out: fsw=0x220 st= [data+0]=0xfffffffffffffffc
 * in:  rsi=data st=1e30
 * out: fsw=0x1 st= [data+0]=0x8000000000000000
 */
	fistpll (%rsi)
