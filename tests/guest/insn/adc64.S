/* SPDX-License-Identifier: MIT */
/*
 * adc adds the carry as well. [SDM2 "ADC"]
 *
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=0 flags=c
 * out: rax=0 flags=cpaz
 * in:  rax=0x7fffffffffffffff rcx=0xffffffffffffffff flags=c
 * out: flags=cpa
 * in:  rax=1 rcx=2
 * out: rax=0x3 flags=p
 */
	adc %rcx, %rax
