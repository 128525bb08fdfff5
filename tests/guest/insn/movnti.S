/* SPDX-License-Identifier: MIT */
/*
 * movnti. [SDM2 "MOVNTI"]
 *
 * in:  rsi=data+3 rax=0x1122334455667788
 * out: [data+0]=0x44556677880f0801 [data+8]=0x6a635c554e112233
 */
	movnti %rax, (%rsi)
