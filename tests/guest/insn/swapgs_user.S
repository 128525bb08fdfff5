/* SPDX-License-Identifier: MIT */
/*
 * swapgs at CPL 3 is #GP. [SDM2 "SWAPGS"]
 *
 * cpl: 3
 * in:
 * out: fault=13
 */
	swapgs
