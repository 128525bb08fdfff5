/* SPDX-License-Identifier: MIT */
/*
 * PG without PE is #GP. [SDM2 "MOV - Move to/from Control Registers"]
 *
 * cpl: 0
 * in:  rax=0x80000010
 * out: fault=13
 */
	mov %rax, %cr0
