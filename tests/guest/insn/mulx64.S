/* SPDX-License-Identifier: MIT */
/*
 * mulx: RDX times the operand, no flags; the high half goes to the first of
 * the two. [SDM2 "MULX"]
 *
 * needs: bmi2
 * random: rdx rcx flags
 * in:  rdx=0xffffffffffffffff rcx=2 flags=cpazso
 * out: rax=0xfffffffffffffffe rbx=0x1
 */
	mulx %rcx, %rax, %rbx
