/* SPDX-License-Identifier: MIT */
/*
 * not changes no flag. [SDM2 "NOT"]
 *
 * random: rax flags
 * in:  rax=0x1111111111110ff0 flags=cpazso
 * out: rax=0x111111111111f00f
 */
	not %ax
