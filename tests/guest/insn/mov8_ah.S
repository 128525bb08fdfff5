/* SPDX-License-Identifier: MIT */
/*
 * Without REX, encoding 4 is AH. [SDM2 2.2.1.2 "More on REX Prefix Fields"]
 *
 * in:  rax=0x12345678 rcx=0
 * out: rcx=0x5600
 */
	mov %ah, %ch
