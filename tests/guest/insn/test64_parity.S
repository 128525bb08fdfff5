/* SPDX-License-Identifier: MIT */
/*
 * Only the low byte has a parity. [SDM2 "TEST"]
 *
 * undefined: a
 * random: rax flags
 * in:  rax=0x0100
 * out: flags=p
 * in:  rax=0x8000000000000001
 * out: flags=s
 */
	test %rax, %rax
