/* SPDX-License-Identifier: MIT */
/*
 * rdmsr at CPL 3 is #GP. [SDM2 "RDMSR"]
 *
 * cpl: 3
 * in:  rcx=0xc0000080
 * out: fault=13
 */
	rdmsr
