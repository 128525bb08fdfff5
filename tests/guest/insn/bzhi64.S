/* SPDX-License-Identifier: MIT */
/*
 * bzhi: an index beyond the width keeps all, with carry. [SDM2 "BZHI"]
 *
 * needs: bmi2
 * undefined: pa
 * random: rdx rcx flags
 * in:  rdx=0xffffffffffffffff rcx=0x1ff
 * out: rax=0xffffffffffffffff flags=cs
 * in:  rdx=0xffffffffffffffff rcx=4
 * out: rax=0xf
 */
	bzhi %rcx, %rdx, %rax
