/* SPDX-License-Identifier: MIT */
/*
 * blsr clears the lowest set bit. [SDM2 "BLSR"]
 *
 * needs: bmi1
 * undefined: pa
 * random: rcx flags
 * in:  rcx=0x30
 * out: rax=0x20
 * in:  rcx=0
 * out: rax=0 flags=cz
 */
	blsr %rcx, %rax
