/* SPDX-License-Identifier: MIT */
/*
 * A null SS is allowed at CPL 0 in 64-bit mode. [SDM2 "MOV"]
 *
 * cpl: 0
 * in:  rax=0
 * out:
 */
	mov %eax, %ss
