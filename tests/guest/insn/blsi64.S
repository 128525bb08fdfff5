/* SPDX-License-Identifier: MIT */
/*
 * blsi: the lowest set bit alone. [SDM2 "BLSI"]
 *
 * needs: bmi1
 * undefined: pa
 * random: rcx flags
 * in:  rcx=0x8000000000000000
 * out: rax=0x8000000000000000 flags=cs
 * in:  rcx=0
 * out: rax=0 flags=z
 */
	blsi %rcx, %rax
