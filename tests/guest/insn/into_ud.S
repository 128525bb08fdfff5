/* SPDX-License-Identifier: MIT */
/*
 * into is #UD in 64-bit mode. [SDM2 "INT n/INTO/INT3/INT1"]
 *
 * in:  flags=o
 * out: fault=6
 */
	.byte 0xce
