/* SPDX-License-Identifier: MIT */
/*
 * A 64-bit address in the instruction. [SDM2 "MOV"]
 *
 * in:  [data+8]=0x1122334455667788
 * out: rax=0x1122334455667788
 */
	movabs 0x10010008, %rax
