/* SPDX-License-Identifier: MIT */
/*
 * bswap of 32 bits clears the upper half. [SDM2 "BSWAP"]
 *
 * random: r9 flags
 * in:  r9=0xffffffff01020304
 * out: r9=0x4030201
 */
	bswap %r9d
