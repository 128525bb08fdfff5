/* SPDX-License-Identifier: MIT */
/*
 * movups to any address. [SDM2 "MOVUPS"]
 *
 * in:  rsi=data
 * out: [data+0]=0x7675747372717001 [data+8]=0x7675747372717077
 * out: [data+16]=0xa29b948d867f7877
 */
	movups %xmm6, 1(%rsi)
