/* SPDX-License-Identifier: MIT */
/*
 * blsmsk: up to the lowest set bit; carry says there is none. [SDM2 "BLSMSK"]
 *
 * needs: bmi1
 * undefined: pa
 * random: rcx flags
 * in:  rcx=0x10
 * out: rax=0x1f
 * in:  rcx=0
 * out: rax=0xffffffff flags=cs
 */
	blsmsk %ecx, %eax
