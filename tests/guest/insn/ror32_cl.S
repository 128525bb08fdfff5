/* SPDX-License-Identifier: MIT */
/*
 * ror: CF is the new sign bit. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rcx flags
 * random-undefined: o
 * in:  rcx=0x80000001
 * out: rcx=0xc0000000 flags=c
 * in:  rcx=0x10 flags=c
 * undefined: o
 * out: rcx=0x100000 flags=
 */
	ror %cl, %ecx
