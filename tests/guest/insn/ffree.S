/* SPDX-License-Identifier: MIT */
/*
 * ffree. [SDM2 "FFREE"]
 *
 * in:  st=1
 * out: st= top=7
 */
	ffree %st
