/* SPDX-License-Identifier: MIT */
/*
 * fprem gives the quotient bits in C0, C3, C1. [SDM2 "FPREM"]
 *
 * in:  st=17,5
 * out: fsw=0x4200 st=2,5
 * in:  st=-17,5
 * out: fsw=0x4200 st=0xc0008000000000000000,5
 */
	fprem
