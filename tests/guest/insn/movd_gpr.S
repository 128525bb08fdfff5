/* SPDX-License-Identifier: MIT */
/*
 * movd to a 32-bit register. [SDM2 "MOVD/MOVQ"]
 *
 * in:  rax=0xffffffffffffffff
 * out: rax=0x4b4a4948
 */
	movd %xmm1, %eax
