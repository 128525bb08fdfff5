/* SPDX-License-Identifier: MIT */
/*
 * rcl of a byte: the count is modulo 9. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rax rcx flags
 * random-undefined: o
 * in:  rax=0x80 rcx=9 flags=c
 * undefined: o
 * out:
 * in:  rax=0x80 rcx=10 flags=
 * undefined: o
 * out: rax=0 flags=c
 * in:  rax=0x40 rcx=1 flags=c
 * out: rax=0x81 flags=o
 */
	rcl %cl, %al
