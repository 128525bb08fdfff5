/* SPDX-License-Identifier: MIT */
/*
 * emms empties the stack. [SDM2 "EMMS"]
 *
 * in:  mm0=5
 * out: st=
 */
	emms
