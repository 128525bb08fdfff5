/* SPDX-License-Identifier: MIT */
/*
 * The smallest number divided by -1 is #DE. [SDM2 "IDIV"]
 *
 * undefined: cpazso
 * random: rdx rax rcx
 * in:  rdx=0xffffffff rax=0x80000000 rcx=0xffffffff
 * out: fault=0
 */
	idiv %ecx
