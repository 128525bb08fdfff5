/* SPDX-License-Identifier: MIT */
/*
 * sub borrows. [SDM2 "SUB"]
 *
 * random: rax rcx flags
 * in:  rax=0 rcx=1
 * out: rax=0xffffffffffffffff flags=cpas
 * in:  rax=0x8000000000000000 rcx=1
 * out: rax=0x7fffffffffffffff flags=pao
 * in:  rax=5 rcx=5 flags=c
 * out: rax=0 flags=pz
 */
	sub %rcx, %rax
