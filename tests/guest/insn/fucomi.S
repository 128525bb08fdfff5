/* SPDX-License-Identifier: MIT */
/*
 * fucomi sets ZF, PF and CF, quietly for QNaN. [SDM2
 * "FCOMI/FCOMIP/FUCOMI/FUCOMIP"]
 *
 * in:  st=1,2 flags=so
 * out: flags=c
 * in:  st=0x7fffc000000000000000,1
 * out: flags=cpz
 * in:  st=0x7fffa000000000000000,1
 * out: flags=cpz fsw=0x1
 */
	fucomi %st(1), %st
