/* SPDX-License-Identifier: MIT */
/*
 * A 16-bit result keeps the rest. [SDM2 "LEA"]
 *
 * random: rax rcx
 * in:  rax=0xffff rcx=2 rdx=0x1111111111111111
 * out: rdx=0x1111111111110001
 */
	lea (%rax,%rcx), %dx
