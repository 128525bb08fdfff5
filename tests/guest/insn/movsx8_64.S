/* SPDX-License-Identifier: MIT */
/*
 * movsx. [SDM2 "MOVSX/MOVSXD"]
 *
 * random: [data]
 * in:  rsi=data [data]=0x80
 * out: rax=0xffffffffffffff80
 */
	movsbq (%rsi), %rax
