/* SPDX-License-Identifier: MIT */
/*
 * A non-canonical address is #GP(0). [SDM1 3.3.7.1 "Canonical Addressing"]
 *
 * in:  rsi=0x8000000000000000
 * out: fault=13
 */
	mov (%rsi), %rax
