/* SPDX-License-Identifier: MIT */
/*
 * sbb subtracts the borrow as well. [SDM2 "SBB"]
 *
 * random: rax rcx flags
 * in:  rax=0 rcx=0xffffffffffffffff flags=c
 * out: flags=cpaz
 * in:  rax=0x8000000000000000 rcx=0 flags=c
 * out: rax=0x7fffffffffffffff flags=pao
 * in:  rax=1 rcx=1
 * out: rax=0 flags=pz
 */
	sbb %rcx, %rax
