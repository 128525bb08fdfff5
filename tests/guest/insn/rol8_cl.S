/* SPDX-License-Identifier: MIT */
/*
 * rol of a byte by 8 is the byte, but CF is set from it. [SDM2
 * "RCL/RCR/ROL/ROR"]
 *
 * random: rax rcx flags
 * random-undefined: o
 * in:  rax=0x81 rcx=8 flags=
 * undefined: o
 * out: flags=c
 * in:  rax=0x81 rcx=9
 * undefined: o
 * out: rax=0x3 flags=c
 * in:  rax=0x80 rcx=1
 * out: rax=0x1 flags=co
 */
	rol %cl, %al
