/* SPDX-License-Identifier: MIT */
/*
 * div of a word by a byte: AL and AH. [SDM2 "DIV"]
 *
 * undefined: cpazso
 * random: rax rbx
 * in:  rax=0x1234567800000403 rbx=0xee05
 * out: rax=0x12345678000002cd
 */
	div %bl
