/* SPDX-License-Identifier: MIT */
/*
 * shld of words. [SDM2 "SHLD"]
 *
 * undefined: ao
 * random: rdx [data] flags
 * in:  rsi=data [data]=0x2001 rdx=0xe000
 * out: flags=cp [data+0]=0x322b241d160f000f
 */
	shld $3, %dx, (%rsi)
