/* SPDX-License-Identifier: MIT */
/*
 * btr by an immediate. [SDM2 "BTR"]
 *
 * undefined: paso
 * random: rax flags
 * in:  rax=0xffffffffffffffff
 * out: rax=0xffffffdf flags=c
 */
	btr $37, %eax
