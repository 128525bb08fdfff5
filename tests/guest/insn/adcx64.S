/* SPDX-License-Identifier: MIT */
/*
 * adcx touches the carry alone. [SDM2 "ADCX"]
 *
 * needs: adx
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=0 flags=co
 * out: rax=0
 * in:  rax=1 rcx=1 flags=o
 * out: rax=0x2
 */
	adcx %rcx, %rax
