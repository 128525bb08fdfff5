/* SPDX-License-Identifier: MIT */
/*
 * An operation on an empty register: IE and SF, C1 clear. [SDM1 8.5.1.1
 * "Stack Overflow or Underflow Exception (#IS)"]
 *
 * in:  st=1
 * out: fsw=0x41 st=0xffffc000000000000000
 */
	fadd %st(1), %st
