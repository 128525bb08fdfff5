/* SPDX-License-Identifier: MIT */
/*
 * adc of a byte with carry in: 0xff + carry wraps the operand itself. [SDM2
 * "ADC"]
 *
 * random: rax flags
 * in:  rax=0 flags=c
 * out: flags=cpaz
 * in:  rax=0x80 flags=
 * out: rax=0x7f flags=co
 * in:  rax=0xff flags=c
 * out: flags=cpas
 */
	adc $0xff, %al
