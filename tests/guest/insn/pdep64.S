/* SPDX-License-Identifier: MIT */
/*
 * pdep. [SDM2 "PDEP"]
 *
 * needs: bmi2
 * random: rdx rcx flags
 * in:  rdx=0xb rcx=0xf0f0000000000001 flags=cz
 * out: rax=0x50000000000001
 */
	pdep %rcx, %rdx, %rax
