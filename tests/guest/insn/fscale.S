/* SPDX-License-Identifier: MIT */
/*
 * fscale. [SDM2 "FSCALE"]
 *
 * in:  st=1.5,3.9
 * out: st=0x4002c000000000000000,0x4000f99999999999999a
 * in:  st=1,-20000
 * out: fsw=0x30 st=0,0xc00d9c40000000000000
 */
	fscale
