/* SPDX-License-Identifier: MIT */
/*
 * fidiv. [SDM2 "FDIV/FDIVP/FIDIV"]
 *
 * random: [data]
 * in:  rsi=data st=10 [data]=0xfffffffc
 * out: st=0xc000a000000000000000
 */
	fidivl (%rsi)
