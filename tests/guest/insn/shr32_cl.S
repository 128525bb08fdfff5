/* SPDX-License-Identifier: MIT */
/*
 * shr: OF is the old sign bit, for 1 only; the upper half is cleared even for
 * count 0. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * random: rax rcx flags
 * random-undefined: ao
 * in:  rax=0x80000001 rcx=1
 * undefined: a
 * out: rax=0x40000000 flags=cpo
 * in:  rax=0xffffffff80000001 rcx=0x20 flags=cpazso
 * out: rax=0x80000001
 * in:  rax=0x80000000 rcx=31
 * undefined: ao
 * out: rax=0x1 flags=
 */
	shr %cl, %eax
