/* SPDX-License-Identifier: MIT */
/*
 * rdmsr clears the upper halves. [SDM2 "RDMSR"]
 *
 * cpl: 0
 * in:  rcx=0xffffffffc0000080
 * out: rax=0xd01 rdx=0
 */
	rdmsr
