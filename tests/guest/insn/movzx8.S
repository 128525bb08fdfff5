/* SPDX-License-Identifier: MIT */
/*
 * movzx. [SDM2 "MOVZX"]
 *
 * random: rcx
 * in:  rcx=0xfe80 rax=0xffffffffffffffff
 * out: rax=0xfe
 */
	movzbl %ch, %eax
