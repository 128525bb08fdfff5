/* SPDX-License-Identifier: MIT */
/*
 * idiv of a word by a byte: -128 fits. [SDM2 "IDIV"]
 *
 * undefined: cpazso
 * random: rax rcx
 * in:  rax=0xff80 rcx=1
 * out: rax=0x80
 * in:  rax=0xff7f rcx=1
 * out: fault=0
 */
	idiv %cl
