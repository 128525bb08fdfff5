/* SPDX-License-Identifier: MIT */
/*
 * rep movsb. [SDM2 "MOVS/MOVSB/MOVSW/MOVSD/MOVSQ"]
 *
 * in:  rsi=data rdi=data+0x100 rcx=0x25
 * out: rcx=0 rsi=data+0x25 rdi=data+0x125
 * in:  rsi=data rdi=data+0x100 rcx=0
 * out:
 * in:  rsi=data rdi=data+1 rcx=0x20
 * out: rcx=0 rsi=data+0x20 rdi=data+0x21 [data+0]=0x0101010101010101
 * out: [data+8]=0x0101010101010101 [data+16]=0x0101010101010101
 * out: [data+24]=0x0101010101010101 [data+32]=0x120b04fdf6efe801
 */
	rep movsb
