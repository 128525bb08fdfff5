/* SPDX-License-Identifier: MIT */
/*
 * cmpxchg16b compares and stores 16 aligned bytes. [SDM2
 * "CMPXCHG8B/CMPXCHG16B"]
 *
 * needs: cx16
 * in:  rsi=data rdx=1 rax=2 rcx=3 rbx=4
 * in:  [data]=0x0000000000000001_0000000000000002 flags=cpaso
 * out: flags=cpazso [data+0]=0x0000000000000004 [data+8]=0x0000000000000003
 * in:  rsi=data rdx=1 rax=3 [data]=0x0000000000000001_0000000000000002
 * in:  flags=cpazso
 * out: rax=0x2 flags=cpaso
 */
	lock cmpxchg16b (%rsi)
