/* SPDX-License-Identifier: MIT */
/*
 * xsave wants 64-byte alignment. [SDM2 "XSAVE"]
 *
 * needs: xsave
 * in:  rsi=data rax=3 rdx=0
 * out: fault=13
 */
	xsave 8(%rsi)
