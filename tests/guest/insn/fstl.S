/* SPDX-License-Identifier: MIT */
/*
 * fst of a double rounds. [SDM2 "FST/FSTP"]
 *
 * in:  rsi=data st=0x3fffaaaaaaaaaaaaaaab
 * out: fsw=0x20 st= [data+0]=0x3ff5555555555555
 * in:  rsi=data st=1e-320
 * out: fsw=0x30 st= [data+0]=0x00000000000007e8
 */
	fstpl (%rsi)
