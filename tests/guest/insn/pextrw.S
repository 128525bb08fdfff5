/* SPDX-License-Identifier: MIT */
/*
 * pextrw. [SDM2 "PEXTRW"]
 *
 * in:  rax=0xffffffffffffffff
 * out: rax=0x4d4c
 */
	pextrw $6, %xmm1, %eax
