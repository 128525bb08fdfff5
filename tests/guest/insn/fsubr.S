/* SPDX-License-Identifier: MIT */
/*
 * fsubr. [SDM2 "FSUBR/FSUBRP/FISUBR"]
 *
 * in:  st=1,5
 * out: st=1,4
 */
	fsubr %st, %st(1)
