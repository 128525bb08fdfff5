/* SPDX-License-Identifier: MIT */
/*
 * A push onto a full stack: IE, SF and C1, and the indefinite. [SDM1 8.5.1.1
 * "Stack Overflow or Underflow Exception (#IS)"]
 *
 * in:  st=1,2,3,4,5,6,7,8
 * out: fsw=0x241
 * out: st=0xffffc000000000000000,1,2,3,4,5,6,7
 * out: top=7
 */
	fld1
