/* SPDX-License-Identifier: MIT */
/*
 * fcomip is loud for QNaN. [SDM2 "FCOMI/FCOMIP/FUCOMI/FUCOMIP"]
 *
 * in:  st=0x7fffc000000000000000,1
 * out: flags=cpz fsw=0x1 st=1
 * in:  st=3,3
 * out: flags=z st=3
 */
	fcomip %st(1), %st
