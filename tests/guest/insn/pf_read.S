/* SPDX-License-Identifier: MIT */
/*
 * #PF: not present, a read. [SDM3 4.7 "Page-Fault Exceptions"]
 *
 * in:  rsi=0x10012000
 * out: fault=14 error=0x4 cr2=0x10012000
 */
	mov (%rsi), %rax
