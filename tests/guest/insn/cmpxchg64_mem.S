/* SPDX-License-Identifier: MIT */
/*
 * cmpxchg: equal stores, unequal loads RAX; the flags are those of cmp. [SDM2
 * "CMPXCHG"]
 *
 * random: rax rcx flags
 * in:  rsi=data rax=5 rcx=9 [data]=0x0000000000000005
 * out: flags=pz [data+0]=0x0000000000000009
 * in:  rsi=data rax=5 rcx=9 [data]=0x0000000000000006
 * out: rax=0x6 flags=cpas
 */
	lock cmpxchg %rcx, (%rsi)
