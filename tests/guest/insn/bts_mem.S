/* SPDX-License-Identifier: MIT */
/*
 * A bit string: the offset reaches far from the operand, both ways. [SDM2
 * "BTS"]
 *
 * undefined: paso
 * in:  rsi=data rcx=0xffffffffffffffff [data+0x7f8]=0x0000000000000000
 * out: [data+2040]=0x8000000000000000
 * in:  rsi=data rcx=0x401 [data+0x880]=0x02
 * out: flags=c
 */
	bts %rcx, 0x800(%rsi)
