/* SPDX-License-Identifier: MIT */
/*
 * cli at CPL 3 with IOPL 0 is #GP. [SDM2 "CLI"]
 *
 * cpl: 3
 * in:
 * out: fault=13
 */
	cli
