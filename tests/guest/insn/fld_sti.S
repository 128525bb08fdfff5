/* SPDX-License-Identifier: MIT */
/*
 * fld of a register. [SDM2 "FLD"]
 *
 * in:  st=1,2,3
 * out: st=3,1,2,3
 */
	fld %st(2)
