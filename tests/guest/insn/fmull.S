/* SPDX-License-Identifier: MIT */
/*
 * fmul with memory. [SDM2 "FMUL/FMULP/FIMUL"]
 *
 * random: [data]
 * in:  rsi=data st=3 [data]=f64:0.1
 * out: st=0x3ffd9999999999999c00
 */
	fmull (%rsi)
