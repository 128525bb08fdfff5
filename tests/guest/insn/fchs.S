/* SPDX-License-Identifier: MIT */
/*
 * fchs. [SDM2 "FCHS"]
 *
 * in:  st=1.5
 * out: st=0xbfffc000000000000000
 * in:  st=-0
 * out: st=0
 */
	fchs
