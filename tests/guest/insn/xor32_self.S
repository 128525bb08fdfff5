/* SPDX-License-Identifier: MIT */
/*
 * The zeroing idiom clears all 64 bits. [SDM2 "XOR"]
 *
 * undefined: a
 * in:  rdx=0xffffffffffffffff flags=cso
 * out: rdx=0 flags=pz
 */
	xor %edx, %edx
