/* SPDX-License-Identifier: MIT */
/*
 * LSTAR wants a canonical address. [SDM2 "WRMSR"]
 *
 * cpl: 0
 * in:  rcx=0xc0000082 rax=0 rdx=0x80000000
 * out: fault=13
 */
	wrmsr
