/* SPDX-License-Identifier: MIT */
/*
 * cmpxchg8b touches ZF alone. [SDM2 "CMPXCHG8B/CMPXCHG16B"]
 *
 * in:  rsi=data rdx=0x11223344 rax=0x55667788 rcx=1 rbx=2
 * in:  [data]=0x1122334455667788 flags=cpaso
 * out: flags=cpazso [data+0]=0x0000000100000002
 * in:  rsi=data rdx=0x11223344 rax=0x55667789 [data]=0x1122334455667788
 * in:  flags=cpazso
 * out: rax=0x55667788 flags=cpaso
 */
	lock cmpxchg8b (%rsi)
