/* SPDX-License-Identifier: MIT */
/*
 * ltr of a busy TSS is #GP of its selector. [SDM2 "LTR"]
 *
 * cpl: 0
 * in:  rax=0x40
 * out: fault=13 error=0x40
 */
	ltr %ax
