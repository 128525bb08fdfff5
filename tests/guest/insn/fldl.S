/* SPDX-License-Identifier: MIT */
/*
 * fld of a double. [SDM2 "FLD"]
 *
 * random: [data]
 * in:  rsi=data [data]=f64:-0.1
 * out: st=0xbffbccccccccccccd000
 * in:  rsi=data [data]=0x7ff0000000000001
 * out: fsw=0x1 st=0x7fffc000000000000800
 * in:  rsi=data [data]=0x0000000000000001
 * out: fsw=0x2 st=0x3bcd8000000000000000
 */
	fldl (%rsi)
