/* SPDX-License-Identifier: MIT */
/*
 * andn. [SDM2 "ANDN"]
 *
 * needs: bmi1
 * undefined: pa
 * random: rcx rdx flags
 * in:  rdx=0xff rcx=0xfff flags=co
 * out: rax=0xf00 flags=
 */
	andn %rcx, %rdx, %rax
