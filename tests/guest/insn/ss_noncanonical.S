/* SPDX-License-Identifier: MIT */
/*
 * Through RBP it is #SS(0). [SDM1 3.3.7.1 "Canonical Addressing"]
 *
 * in:  rbp=0x7ffffffffffffff8
 * out: fault=12
 */
	mov 8(%rbp), %rax
