/* SPDX-License-Identifier: MIT */
/*
 * fld of a single. [SDM2 "FLD"]
 *
 * random: [data]
 * in:  rsi=data [data]=f32:3.5
 * out: st=0x4000e000000000000000
 * in:  rsi=data [data]=0x00000001
 * out: fsw=0x2 st=0x3f6a8000000000000000
 */
	flds (%rsi)
