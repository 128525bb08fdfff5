/* SPDX-License-Identifier: MIT */
/*
 * cvtdq2pd is exact. [SDM2 "CVTDQ2PD"]
 *
 * random: [data]
 * in:  rsi=data [data]=0x8000000000000005
 * out: xmm0=0xc1e0000000000000_4014000000000000
 */
	cvtdq2pd (%rsi), %xmm0
