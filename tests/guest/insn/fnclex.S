/* SPDX-License-Identifier: MIT */
/*
 * fnclex. [SDM2 "FCLEX/FNCLEX"]
 *
 * in:  st=1 fsw=0x0045
 * out: fsw=0
 */
	fnclex
