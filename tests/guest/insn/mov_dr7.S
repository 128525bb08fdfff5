/* SPDX-License-Identifier: MIT */
/*
 * mov from DR7 after reset. [SDM2 "MOV - Move to/from Debug Registers"]
 *
 * cpl: 0
 * in:
 * out: rax=0x400
 */
	mov %dr7, %rax
