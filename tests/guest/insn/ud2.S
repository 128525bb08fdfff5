/* SPDX-License-Identifier: MIT */
/*
 * #UD at the instruction. [SDM2 "UD"]
 *
 * in:  flags=cpazso
 * out: fault=6
 */
	ud2
