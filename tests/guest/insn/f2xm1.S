/* SPDX-License-Identifier: MIT */
/*
 * f2xm1 of a zero is that zero. [SDM2 "F2XM1"]
 *
 * in:  st=0
 * out:
 * in:  st=-0
 * out:
 */
	f2xm1
