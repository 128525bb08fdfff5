/* SPDX-License-Identifier: MIT */
/*
 * #PF: not present, a write; nothing is written before it. [SDM3 4.7
 * "Page-Fault Exceptions"]
 *
 * limited-kvm: 0
 * in:  rsi=0x10012000
 * out: fault=14 error=0x6 cr2=0x10012000
 */
	mov %rax, -4(%rsi)
