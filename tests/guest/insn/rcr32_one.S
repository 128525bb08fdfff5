/* SPDX-License-Identifier: MIT */
/*
 * rcr by 1. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rax flags
 * in:  rax=0xffffffff00000001 flags=c
 * out: rax=0x80000000 flags=co
 * in:  rax=0x80000000 flags=
 * out: rax=0x40000000 flags=o
 */
	rcr %eax
