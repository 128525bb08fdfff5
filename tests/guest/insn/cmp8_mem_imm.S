/* SPDX-License-Identifier: MIT */
/*
 * cmp of a byte in memory. [SDM2 "CMP"]
 *
 * random: [data] flags
 * in:  rsi=data [data+5]=0x7f
 * out: flags=cpso
 * in:  rsi=data [data+5]=0x80
 * out: flags=pz
 */
	cmpb $0x80, 5(%rsi)
