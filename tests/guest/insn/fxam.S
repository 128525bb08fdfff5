/* SPDX-License-Identifier: MIT */
/*
 * fxam classifies, empty too. [SDM2 "FXAM"]
 *
 * in:  st=-1
 * out: fsw=0x600
 * in:  st=0x7fff8000000000000000
 * out: fsw=0x500
 * in:  st=0x00000000000000000001
 * out: fsw=0x4400
 * in:
 * out: fsw=0x4100
 */
	fxam
