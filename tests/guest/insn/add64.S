/* SPDX-License-Identifier: MIT */
/*
 * add sets all six flags from the result. [SDM2 "ADD"]
 *
 * random: rax rcx flags
 * in:  rax=0x7fffffffffffffff rcx=1
 * out: rax=0x8000000000000000 flags=paso
 * in:  rax=0xffffffffffffffff rcx=1
 * out: rax=0 flags=cpaz
 * in:  rax=0x8000000000000000 rcx=0x8000000000000000
 * out: rax=0 flags=cpzo
 * in:  rax=0x0f rcx=0x01 flags=cpazso
 * out: rax=0x10 flags=a
 */
	add %rcx, %rax
