/* SPDX-License-Identifier: MIT */
/*
 * fxch. [SDM2 "FXCH"]
 *
 * in:  st=1,2,3
 * out: st=3,2,1
 */
	fxch %st(2)
