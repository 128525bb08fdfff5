/* SPDX-License-Identifier: MIT */
/*
 * cmc. [SDM2 "CMC"]
 *
 * in:  flags=c
 * out: flags=
 * in:  flags=
 * out: flags=c
 */
	cmc
