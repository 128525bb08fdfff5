/* SPDX-License-Identifier: MIT */
/*
 * The lowest set bit. [SDM2 "BSF"]
 *
 * undefined: cpaso
 * in:  rcx=0x8000000000000000
 * out: rax=0x3f flags=
 * in:  rcx=0x50
 * out: rax=0x4
 */
	bsf %rcx, %rax
