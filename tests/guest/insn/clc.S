/* SPDX-License-Identifier: MIT */
/*
 * clc. [SDM2 "CLC"]
 *
 * in:  flags=cpazso
 * out: flags=pazso
 */
	clc
