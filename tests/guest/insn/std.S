/* SPDX-License-Identifier: MIT */
/*
 * std. [SDM2 "STD"]
 *
 * in:  flags=c
 * out: flags=cd
 */
	std
