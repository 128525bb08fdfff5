/* SPDX-License-Identifier: MIT */
/*
 * stc. [SDM2 "STC"]
 *
 * in:  flags=
 * out: flags=c
 */
	stc
