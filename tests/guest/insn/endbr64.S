/* SPDX-License-Identifier: MIT */
/*
 * endbr64 is no operation without CET. [SDM2 "ENDBR64"]
 *
 * in:  flags=cpazso
 * out:
 */
	endbr64
