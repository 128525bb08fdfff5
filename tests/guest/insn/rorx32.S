/* SPDX-License-Identifier: MIT */
/*
 * rorx changes no flag. [SDM2 "RORX"]
 *
 * needs: bmi2
 * random: rcx flags
 * in:  rcx=0xffffffff00000021 flags=cpazso
 * out: rax=0x10000002
 */
	rorx $4, %ecx, %eax
