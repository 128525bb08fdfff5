/* SPDX-License-Identifier: MIT */
/*
 * fprem1 rounds the quotient to nearest. [SDM2 "FPREM1"]
 *
 * in:  st=18,5
 * out: fsw=0x100 st=0xc0008000000000000000,5
 */
	fprem1
