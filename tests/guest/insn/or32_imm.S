/* SPDX-License-Identifier: MIT */
/*
 * A sign-extended immediate. [SDM2 "OR"]
 *
 * undefined: a
 * random: rcx flags
 * in:  rcx=0x1234567800000003 flags=co
 * out: rcx=0xfffffff3 flags=ps
 */
	or $-16, %ecx
