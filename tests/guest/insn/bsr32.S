/* SPDX-License-Identifier: MIT */
/*
 * The highest set bit. [SDM2 "BSR"]
 *
 * undefined: cpaso
 * in:  rcx=0xffffffff00000001
 * out: rax=0 flags=
 * in:  rcx=0x80000000
 * out: rax=0x1f
 */
	bsr %ecx, %eax
