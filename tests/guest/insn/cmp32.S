/* SPDX-License-Identifier: MIT */
/*
 * cmp changes flags only. [SDM2 "CMP"]
 *
 * random: rax rcx flags
 * in:  rax=0x80000000 rcx=1
 * out: flags=pao
 * in:  rax=0xffffffff00000001 rcx=2
 * out: flags=cpas
 */
	cmp %ecx, %eax
