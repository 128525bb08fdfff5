/* SPDX-License-Identifier: MIT */
/*
 * lar. [SDM2 "LAR"]
 *
 * cpl: 3
 * in:  rcx=0x33 flags=
 * out: rax=0xaffb00 flags=z
 * in:  rcx=0x2b
 * out: rax=0xcff300 flags=z
 * in:  rcx=0 flags=z
 * out: flags=
 */
	lar %ecx, %eax
