/* SPDX-License-Identifier: MIT */
/*
 * A full 64-bit immediate. [SDM2 "MOV"]
 *
 * in:  flags=cpazso
 * out: r13=0x8877665544332211
 */
	movabs $0x8877665544332211, %r13
