/* SPDX-License-Identifier: MIT */
/*
 * pshufhw. [SDM2 "PSHUFHW"]
 *
 * in:  xmm1=0x0008000700060005_0004000300020001
 * out: xmm0=0x0005000600070008_0004000300020001
 */
	pshufhw $0x1b, %xmm1, %xmm0
