/* SPDX-License-Identifier: MIT */
/*
 * bswap. [SDM2 "BSWAP"]
 *
 * random: rax flags
 * in:  rax=0x0102030405060708 flags=cpazso
 * out: rax=0x807060504030201
 */
	bswap %rax
