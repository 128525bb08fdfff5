/* SPDX-License-Identifier: MIT */
/*
 * str. [SDM2 "STR"]
 *
 * cpl: 0
 * in:  rax=0xffffffffffffffff
 * out: rax=0x40
 */
	str %eax
