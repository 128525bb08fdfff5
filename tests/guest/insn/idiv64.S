/* SPDX-License-Identifier: MIT */
/*
 * idiv truncates towards zero; the remainder has the sign of the dividend.
 * [SDM2 "IDIV"]
 *
 * undefined: cpazso
 * random: rdx rax rcx
 * in:  rdx=0xffffffffffffffff rax=0xfffffffffffffff9 rcx=2
 * out: rax=0xfffffffffffffffd
 * in:  rdx=0 rax=7 rcx=0xfffffffffffffffe
 * out: rax=0xfffffffffffffffd rdx=0x1
 */
	idiv %rcx
