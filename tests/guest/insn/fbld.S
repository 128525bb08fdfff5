/* SPDX-License-Identifier: MIT */
/*
 * fbld. [SDM2 "FBLD"]
 *
 * in:  rsi=data [data]=0x80123456789012345678
 * out: st=0xc037db4da5d31879a700
 */
	fbld (%rsi)
