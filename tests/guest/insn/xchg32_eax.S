/* SPDX-License-Identifier: MIT */
/*
 * xchg of 32 bits with another register clears both upper halves. [SDM2
 * "XCHG"]
 *
 * in:  rax=0xffffffff00000001 r8=0xffffffff00000002
 * out: rax=0x2 r8=0x1
 */
	xchg %r8d, %eax
