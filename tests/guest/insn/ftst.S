/* SPDX-License-Identifier: MIT */
/*
 * ftst. [SDM2 "FTST"]
 *
 * in:  st=-0
 * out: fsw=0x4000
 * in:  st=-5
 * out: fsw=0x100
 */
	ftst
