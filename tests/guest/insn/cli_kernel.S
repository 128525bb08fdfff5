/* SPDX-License-Identifier: MIT */
/*
 * cli at CPL 0 changes no other flag. [SDM2 "CLI"]
 *
 * cpl: 0
 * in:  flags=cpazso
 * out:
 */
	cli
