/* SPDX-License-Identifier: MIT */
/*
 * fld1. [SDM2 "FLD1/FLDL2T/FLDL2E/FLDPI/FLDLG2/FLDLN2/FLDZ"]
 *
 * in:  st=2.5
 * out: st=1,0x4000a000000000000000
 * in:
 * out: st=1
 */
	fld1
