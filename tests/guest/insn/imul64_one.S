/* SPDX-License-Identifier: MIT */
/*
 * The signed product in RDX:RAX. [SDM2 "IMUL"]
 *
 * undefined: pazs
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=5
 * out: rax=0xfffffffffffffffb rdx=0xffffffffffffffff flags=
 * in:  rax=0x8000000000000000 rcx=0x8000000000000000
 * out: rax=0 rdx=0x4000000000000000 flags=co
 * in:  rax=0x4000000000000000 rcx=2
 * out: rax=0x8000000000000000 rdx=0 flags=co
 */
	imul %rcx
