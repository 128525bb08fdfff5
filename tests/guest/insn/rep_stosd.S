/* SPDX-License-Identifier: MIT */
/*
 * rep stosd. [SDM2 "STOS/STOSB/STOSW/STOSD/STOSQ"]
 *
 * in:  rdi=data+2 rcx=5 rax=0xffffffff12345678
 * out: rcx=0 rdi=data+0x16 [data+0]=0x5678123456780801
 * out: [data+8]=0x5678123456781234 [data+16]=0xa29b123456781234
 */
	rep stosl
