/* SPDX-License-Identifier: MIT */
/*
 * fbstp. [SDM2 "FBSTP"]
 *
 * in:  rsi=data st=-123456789.5
 * out: fsw=0x220 st= [data+0]=0x0000000123456790 [data+8]=0x6a635c554e478000
 */
	fbstp (%rsi)
