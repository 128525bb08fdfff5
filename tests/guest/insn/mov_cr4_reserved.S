/* SPDX-License-Identifier: MIT */
/*
 * A reserved bit of CR4 is #GP. [SDM2 "MOV - Move to/from Control Registers"]
 *
 * cpl: 0
 * limited-kvm: 0
 * in:  rax=0x8000000000000020
 * out: fault=13
 */
	mov %rax, %cr4
