/* SPDX-License-Identifier: MIT */
/*
 * sgdt stores ten bytes. [SDM2 "SGDT"]
 *
 * cpl: 0
 * in:  rsi=data
 * out: [data]=0x0000000000005000004f
 */
	sgdt (%rsi)
