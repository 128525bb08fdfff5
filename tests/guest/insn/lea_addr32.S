/* SPDX-License-Identifier: MIT */
/*
 * lea with 32-bit addresses. [SDM2 "LEA"]
 *
 * random: rax rcx
 * in:  rax=0xffffffff rcx=2
 * out: rdx=0x1
 */
	lea (%eax,%ecx), %rdx
