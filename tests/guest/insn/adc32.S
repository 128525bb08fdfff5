/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit result clears the upper half. [SDM1 3.4.1.1 "General-Purpose
 * Registers in 64-Bit Mode"]
 *
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=0xffffffff00000000 flags=c
 * out: rax=0 flags=cpaz
 * in:  rax=0x100000000 rcx=0 flags=
 * out: rax=0 flags=pz
 */
	adc %ecx, %eax
