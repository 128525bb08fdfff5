/* SPDX-License-Identifier: MIT */
/*
 * A quotient too large is #DE too. [SDM2 "DIV"]
 *
 * undefined: cpazso
 * in:  rdx=7 rax=0 rcx=7
 * out: fault=0
 */
	div %ecx
