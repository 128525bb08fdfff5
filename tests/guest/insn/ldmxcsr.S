/* SPDX-License-Identifier: MIT */
/*
 * ldmxcsr. [SDM2 "LDMXCSR"]
 *
 * in:  rsi=data [data]=0x00009fc0
 * out: mxcsr=0x9fc0
 */
	ldmxcsr (%rsi)
