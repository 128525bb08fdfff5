/* SPDX-License-Identifier: MIT */
/*
 * sar keeps the sign; OF is 0 for 1. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * random: rax rcx flags
 * random-undefined: ao
 * in:  rax=0x8000000000000001 rcx=1 flags=o
 * undefined: a
 * out: rax=0xc000000000000000 flags=cps
 * in:  rax=0x8000000000000000 rcx=63
 * undefined: ao
 * out: rax=0xffffffffffffffff flags=ps
 * in:  rax=0x4000000000000000 rcx=62
 * undefined: ao
 * out: rax=0x1
 */
	sar %cl, %rax
