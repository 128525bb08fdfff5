/* SPDX-License-Identifier: MIT */
/*
 * mov from CR0. [SDM2 "MOV - Move to/from Control Registers"]
 *
 * cpl: 0
 * in:  rax=0xffffffffffffffff
 * out: rax=0x80050033
 */
	mov %cr0, %rax
