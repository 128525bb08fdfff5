/* SPDX-License-Identifier: MIT */
/*
 * neg: carry says the operand was not zero. [SDM2 "NEG"]
 *
 * random: rax flags
 * in:  rax=0
 * out: flags=pz
 * in:  rax=0x8000000000000000
 * out: flags=cpso
 * in:  rax=1
 * out: rax=0xffffffffffffffff flags=cpas
 */
	neg %rax
