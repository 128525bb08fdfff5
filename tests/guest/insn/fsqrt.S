/* SPDX-License-Identifier: MIT */
/*
 * fsqrt. [SDM2 "FSQRT"]
 *
 * in:  st=2
 * out: fsw=0x20 st=0x3fffb504f333f9de6484
 * in:  st=-1
 * out: fsw=0x1 st=0xffffc000000000000000
 * in:  st=-0
 * out:
 */
	fsqrt
