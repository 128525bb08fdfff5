/* SPDX-License-Identifier: MIT */
/*
 * rcl goes through the carry: 65 bits. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rax rcx flags
 * random-undefined: o
 * in:  rax=0x8000000000000000 rcx=1 flags=
 * out: rax=0 flags=co
 * in:  rax=1 rcx=2 flags=c
 * undefined: o
 * out: rax=0x6 flags=
 * in:  rax=5 rcx=0 flags=cpazso
 * out:
 */
	rcl %cl, %rax
