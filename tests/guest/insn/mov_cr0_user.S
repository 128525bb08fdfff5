/* SPDX-License-Identifier: MIT */
/*
 * mov to CR0 at CPL 3 is #GP. [SDM2 "MOV - Move to/from Control Registers"]
 *
 * cpl: 3
 * in:
 * out: fault=13
 */
	mov %rax, %cr0
