/* SPDX-License-Identifier: MIT */
/*
 * movsxd. [SDM2 "MOVSX/MOVSXD"]
 *
 * random: rcx
 * in:  rcx=0x1234567880000000
 * out: rax=0xffffffff80000000
 */
	movslq %ecx, %rax
