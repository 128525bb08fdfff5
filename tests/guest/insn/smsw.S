/* SPDX-License-Identifier: MIT */
/*
 * smsw of 32 bits. [SDM2 "SMSW"]
 *
 * cpl: 0
 * in:  rax=0xffffffffffffffff
 * out: rax=0x80050033
 */
	smsw %eax
