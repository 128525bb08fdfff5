/* SPDX-License-Identifier: MIT */
/*
 * Counts are modulo 64; zero changes no flag; OF is for 1 only. [SDM2
 * "SAL/SAR/SHL/SHR"]
 *
 * random: rax rcx flags
 * random-undefined: ao
 * in:  rax=0xc000000000000001 rcx=1
 * undefined: a
 * out: rax=0x8000000000000002 flags=cs
 * in:  rax=3 rcx=63
 * undefined: ao
 * out: rax=0x8000000000000000 flags=cps
 * in:  rax=3 rcx=64 flags=cpazso
 * out:
 * in:  rax=0x8000000000000001 rcx=0xffffffffffffff41
 * undefined: a
 * out: rax=0x2 flags=co
 */
	shl %cl, %rax
