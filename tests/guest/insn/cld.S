/* SPDX-License-Identifier: MIT */
/*
 * cld. [SDM2 "CLD"]
 *
 * in:  flags=cd
 * out: flags=c
 */
	cld
