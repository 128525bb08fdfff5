/* SPDX-License-Identifier: MIT */
/*
 * and clears carry and overflow. [SDM2 "AND"]
 *
 * undefined: a
 * random: rax rcx flags
 * in:  rax=0xf0f0000000000000 rcx=0x8f0f000000000001 flags=co
 * out: rax=0x8000000000000000 flags=ps
 * in:  rax=1 rcx=2 flags=co
 * out: rax=0 flags=pz
 */
	and %rcx, %rax
