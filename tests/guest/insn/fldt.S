/* SPDX-License-Identifier: MIT */
/*
 * fld of 80 bits changes nothing. [SDM2 "FLD"]
 *
 * in:  rsi=data [data]=0x7fffa000000000000001
 * out: st=0x7fffa000000000000001
 */
	fldt (%rsi)
