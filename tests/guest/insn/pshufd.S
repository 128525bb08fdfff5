/* SPDX-License-Identifier: MIT */
/*
 * pshufd. [SDM2 "PSHUFD"]
 *
 * in:  xmm1=0x00000004_00000003_00000002_00000001
 * out: xmm0=0x0000000300000002_0000000100000004
 */
	pshufd $0x93, %xmm1, %xmm0
