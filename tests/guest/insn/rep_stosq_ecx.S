/* SPDX-License-Identifier: MIT */
/*
 * With 32-bit addresses, ECX and EDI count, and clear their upper halves.
 * [SDM2 "REP/REPE/REPZ/REPNE/REPNZ"]
 *
 * in:  rdi=data rcx=0xffffffff00000002 rax=0x0102030405060708
 * out: rcx=0 rdi=data+0x10 [data+0]=0x0102030405060708
 * out: [data+8]=0x0102030405060708
 */
	addr32 rep stosq
