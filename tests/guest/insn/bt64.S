/* SPDX-License-Identifier: MIT */
/*
 * bt takes the bit modulo 64 in a register; ZF is unaffected. [SDM2 "BT"]
 *
 * undefined: paso
 * random: rax rcx flags
 * in:  rax=2 rcx=65 flags=z
 * out: flags=cz
 * in:  rax=2 rcx=64 flags=cz
 * out: flags=z
 */
	bt %rcx, %rax
