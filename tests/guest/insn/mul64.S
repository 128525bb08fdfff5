/* SPDX-License-Identifier: MIT */
/*
 * mul: CF and OF say that RDX is not zero. [SDM2 "MUL"]
 *
 * undefined: pazs
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=0xffffffffffffffff
 * out: rax=0x1 rdx=0xfffffffffffffffe flags=co
 * in:  rax=3 rcx=4 flags=co
 * out: rax=0xc rdx=0 flags=
 */
	mul %rcx
