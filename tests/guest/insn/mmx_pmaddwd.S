/* SPDX-License-Identifier: MIT */
/*
 * pmaddwd with memory. [SDM2 "PMADDWD"]
 *
 * in:  rsi=data mm3=0x8000800000010002 [data]=0x8000800000030004
 * out: st=0,0,0,0xffff800000000000000b,0,0,0,0
 */
	pmaddwd (%rsi), %mm3
