/* SPDX-License-Identifier: MIT */
/*
 * sbb of a register with itself spreads the carry. [SDM2 "SBB"]
 *
 * random: rax flags
 * in:  rax=5 flags=c
 * out: rax=0xffffffff flags=cpas
 * in:  rax=5 flags=
 * out: rax=0 flags=pz
 */
	sbb %eax, %eax
