/* SPDX-License-Identifier: MIT */
/*
 * Bits come from the second operand. [SDM2 "SHLD"]
 *
 * random: rax rdx rcx flags
 * random-undefined: ao
 * in:  rax=0x8000000000000001 rdx=0xf000000000000000 rcx=4
 * undefined: ao
 * out: rax=0x1f flags=
 * in:  rax=0x4000000000000000 rdx=0x8000000000000000 rcx=1
 * undefined: a
 * out: rax=0x8000000000000001 flags=so
 * in:  rax=1 rdx=2 rcx=64 flags=cpazso
 * out:
 */
	shld %cl, %rdx, %rax
