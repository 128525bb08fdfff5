/* SPDX-License-Identifier: MIT */
/*
 * pmovsxbw. [SDM2 "PMOVSX"]
 *
 * needs: sse41
 * random: [data]
 * in:  rsi=data [data]=0x80ff7f0001020304
 * out: xmm0=0xff80ffff007f0000_0001000200030004
 */
	pmovsxbw (%rsi), %xmm0
