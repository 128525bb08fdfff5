/* SPDX-License-Identifier: MIT */
/*
 * lzcnt of zero is the width, with carry. [SDM2 "LZCNT"]
 *
 * needs: lzcnt
 * undefined: paso
 * random: rcx flags
 * in:  rcx=0xffffffff00000000
 * out: rax=0x20 flags=c
 * in:  rcx=0x80000000 flags=c
 * out: rax=0 flags=z
 */
	lzcnt %ecx, %eax
