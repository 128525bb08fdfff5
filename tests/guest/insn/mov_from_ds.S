/* SPDX-License-Identifier: MIT */
/*
 * mov from a segment register zero-extends. [SDM2 "MOV"]
 *
 * in:  rax=0xffffffffffffffff
 * out: rax=0
 */
	mov %ds, %eax
