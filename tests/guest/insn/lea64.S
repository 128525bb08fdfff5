/* SPDX-License-Identifier: MIT */
/*
 * lea computes and does not read. [SDM2 "LEA"]
 *
 * random: rax rcx flags
 * in:  rax=0x8000000000000000 rcx=0x4000000000000001 flags=cpazso
 * out: rdx=0x8000000000000083
 */
	lea 0x7f(%rax,%rcx,4), %rdx
