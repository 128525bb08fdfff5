/* SPDX-License-Identifier: MIT */
/*
 * Division by zero is #DE, at the instruction. [SDM2 "DIV"]
 *
 * undefined: cpazso
 * in:  rdx=0 rax=5 rcx=0xffffffff00000000
 * out: fault=0
 */
	div %ecx
