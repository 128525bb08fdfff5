/* SPDX-License-Identifier: MIT */
/*
 * The three-operand form. [SDM2 "IMUL"]
 *
 * undefined: pazs
 * random: [data] flags
 * in:  rsi=data [data]=0x0064 rdx=0x7777777777777777
 * out: rdx=0x7777777777778ad0 flags=
 * in:  rsi=data [data]=0x0200
 * out: rdx=0xb2b2b2b2b2b2a800 flags=co
 */
	imul $-300, (%rsi), %dx
