/* SPDX-License-Identifier: MIT */
/*
 * stosb without a prefix. [SDM2 "STOS/STOSB/STOSW/STOSD/STOSQ"]
 *
 * in:  rdi=data rcx=0 rax=0x99
 * out: rdi=data+0x1 [data+0]=0x322b241d160f0899
 * in:  rdi=data rax=0x99 flags=d
 * out: rdi=0x1000ffff [data+0]=0x322b241d160f0899
 */
	stosb
