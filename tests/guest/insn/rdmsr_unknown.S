/* SPDX-License-Identifier: MIT */
/*
 * An MSR that does not exist is #GP. [SDM2 "RDMSR"]
 *
 * cpl: 0
 * in:  rcx=0x12345
 * out: fault=13
 */
	rdmsr
