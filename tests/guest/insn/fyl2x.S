/* SPDX-License-Identifier: MIT */
/*
 * The logarithm of 1 is 0, and of 0 a division by zero. [SDM2 "FYL2X"]
 *
 * in:  st=1,2
 * out: st=0
 * in:  st=0,2
 * out: fsw=0x4 st=0xffff8000000000000000
 */
	fyl2x
