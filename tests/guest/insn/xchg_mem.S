/* SPDX-License-Identifier: MIT */
/*
 * xchg with memory. [SDM2 "XCHG"]
 *
 * in:  rsi=data rax=1 [data]=0x8000000000000000 flags=cpazso
 * out: rax=0x8000000000000000 [data+0]=0x0000000000000001
 */
	xchg %rax, (%rsi)
