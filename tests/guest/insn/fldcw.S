/* SPDX-License-Identifier: MIT */
/*
 * fldcw: bit 6 reads as 1. [SDM2 "FLDCW"]
 *
 * in:  rsi=data [data]=0x0c3f
 * out: fcw=0xc7f
 */
	fldcw (%rsi)
