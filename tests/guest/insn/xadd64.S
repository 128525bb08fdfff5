/* SPDX-License-Identifier: MIT */
/*
 * xadd. [SDM2 "XADD"]
 *
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=1
 * out: rax=0 rcx=0xffffffffffffffff flags=cpaz
 */
	xadd %rcx, %rax
