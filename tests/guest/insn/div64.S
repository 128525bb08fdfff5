/* SPDX-License-Identifier: MIT */
/*
 * div of 128 bits. Every flag is undefined. [SDM2 "DIV"]
 *
 * undefined: cpazso
 * random: rdx rax rcx
 * in:  rdx=1 rax=0 rcx=0x10
 * out: rax=0x1000000000000000 rdx=0
 * in:  rdx=0 rax=100 rcx=7
 * out: rax=0xe rdx=0x2
 */
	div %rcx
