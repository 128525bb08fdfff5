/* SPDX-License-Identifier: MIT */
/*
 * A locked xadd of a byte. [SDM2 "XADD"]
 *
 * random: rcx [data] flags
 * in:  rsi=data rcx=0x01 [data]=0x7f
 * out: rcx=0x7f flags=aso [data+0]=0x322b241d160f0880
 */
	lock xaddb %cl, (%rsi)
