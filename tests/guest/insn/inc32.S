/* SPDX-License-Identifier: MIT */
/*
 * inc keeps the carry. [SDM2 "INC"]
 *
 * random: rax flags
 * in:  rax=0x7fffffff flags=c
 * out: rax=0x80000000 flags=cpaso
 * in:  rax=0xffffffff flags=
 * out: rax=0 flags=paz
 * in:  rax=0xf flags=c
 * out: rax=0x10 flags=ca
 */
	inc %eax
