/* SPDX-License-Identifier: MIT */
/*
 * sarx: count modulo 64, no flags. [SDM2 "SARX/SHLX/SHRX"]
 *
 * needs: bmi2
 * random: rcx rdx flags
 * in:  rdx=0x8000000000000000 rcx=0x44 flags=cpazso
 * out: rax=0xf800000000000000
 */
	sarx %rcx, %rdx, %rax
