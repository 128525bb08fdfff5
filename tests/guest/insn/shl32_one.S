/* SPDX-License-Identifier: MIT */
/*
 * The short form sets OF from the two upper bits. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * undefined: a
 * random: rax flags
 * in:  rax=0xffffffff40000000 flags=c
 * out: rax=0x80000000 flags=pso
 * in:  rax=0xc0000000
 * out: rax=0x80000000 flags=cps
 * in:  rax=0x80000000
 * out: rax=0 flags=cpzo
 */
	shl %eax
