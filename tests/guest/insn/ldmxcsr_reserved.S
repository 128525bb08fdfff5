/* SPDX-License-Identifier: MIT */
/*
 * A reserved bit of MXCSR is #GP. [SDM2 "LDMXCSR"]
 *
 * limited-kvm: 3
 * in:  rsi=data [data]=0x00010000
 * out: fault=13
 */
	ldmxcsr (%rsi)
