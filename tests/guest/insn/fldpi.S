/* SPDX-License-Identifier: MIT */
/*
 * fldpi rounds as the control word says. [SDM2
 * "FLD1/FLDL2T/FLDL2E/FLDPI/FLDLG2/FLDLN2/FLDZ"]
 *
 * in:
 * out: st=0x4000c90fdaa22168c235
 * in:  fcw=0xb7f
 * out: st=0x4000c90fdaa22168c235
 */
	fldpi
