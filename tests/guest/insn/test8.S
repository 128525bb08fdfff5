/* SPDX-License-Identifier: MIT */
/*
 * test is and without the result; parity is of the low byte. [SDM2 "TEST"]
 *
 * undefined: a
 * random: rax rdx flags
 * in:  rax=0x83 rdx=0x8300
 * out: flags=s
 * in:  rax=1 rdx=0x0200 flags=c
 * out: flags=pz
 */
	test %dh, %al
