/* SPDX-License-Identifier: MIT */
/*
 * sar of a byte in memory. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * undefined: a
 * random: [data] flags
 * in:  rsi=data [data]=0x81 flags=o
 * out: flags=cps [data+0]=0x322b241d160f08c0
 */
	sarb $1, (%rsi)
