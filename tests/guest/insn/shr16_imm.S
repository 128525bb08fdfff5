/* SPDX-License-Identifier: MIT */
/*
 * shr of a word by an immediate. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * undefined: ao
 * random: rsi flags
 * in:  rsi=0xffff8018
 * out: rsi=0xffff0801 flags=c
 */
	shr $4, %si
