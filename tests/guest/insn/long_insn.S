/* SPDX-License-Identifier: MIT */
/*
 * A sixteenth byte is #GP. [SDM2 2.3.11 "AVX Instruction Length"]
 *
 * in:
 * out: fault=13
 */
	.fill 14, 1, 0x66
	add %cx, %ax
