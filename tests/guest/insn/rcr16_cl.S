/* SPDX-License-Identifier: MIT */
/*
 * rcr of a word: the count is modulo 17. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rax rcx flags
 * random-undefined: o
 * in:  rax=1 rcx=17 flags=c
 * undefined: o
 * out:
 * in:  rax=1 rcx=1 flags=c
 * out: rax=0x8000 flags=co
 * in:  rax=0x8001 rcx=18 flags=
 * undefined: o
 * out: rax=0x4000 flags=c
 */
	rcr %cl, %ax
