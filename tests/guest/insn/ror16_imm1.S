/* SPDX-License-Identifier: MIT */
/*
 * ror of a word by 1: OF is the xor of the two upper bits. [SDM2
 * "RCL/RCR/ROL/ROR"]
 *
 * random: rbx flags
 * in:  rbx=0x10001
 * out: rbx=0x18000 flags=co
 * in:  rbx=0x8000 flags=c
 * out: rbx=0x4000 flags=o
 */
	ror $1, %bx
