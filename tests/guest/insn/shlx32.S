/* SPDX-License-Identifier: MIT */
/*
 * shlx: count modulo 32. [SDM2 "SARX/SHLX/SHRX"]
 *
 * needs: bmi2
 * random: rcx rdx flags
 * in:  rdx=0xffffffff00000003 rcx=0x3f
 * out: rax=0x80000000
 */
	shlx %ecx, %edx, %eax
