/* SPDX-License-Identifier: MIT */
/*
 * aam is #UD in 64-bit mode. [SDM2 "AAM"]
 *
 * in:
 * out: fault=6
 */
	.byte 0xd4, 0x0a
