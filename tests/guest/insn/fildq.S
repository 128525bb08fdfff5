/* SPDX-License-Identifier: MIT */
/*
 * fild of 64 bits is exact. [SDM2 "FILD"]
 *
 * random: [data]
 * in:  rsi=data [data]=0x8000000000000001
 * out: st=0xc03dfffffffffffffffe
 */
	fildll (%rsi)
