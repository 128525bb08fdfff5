/* SPDX-License-Identifier: MIT */
/*
 * stmxcsr. [SDM2 "STMXCSR"]
 *
 * in:  rsi=data mxcsr=0x1fa5
 * out: [data+0]=0x322b241d00001fa5
 */
	stmxcsr (%rsi)
