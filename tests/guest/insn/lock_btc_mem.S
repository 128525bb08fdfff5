/* SPDX-License-Identifier: MIT */
/*
 * A locked bit operation. [SDM2 "BTC"]
 *
 * undefined: paso
 * random: [data] flags
 * in:  rsi=data [data]=0x80000000
 * out: flags=c [data+0]=0x322b241d00000000
 */
	lock btcl $31, (%rsi)
