/* SPDX-License-Identifier: MIT */
/*
 * movss from memory clears the rest of the low 128 bits. [SDM2 "MOVSS"]
 *
 * in:  rsi=data [data]=f32:7
 * out: xmm4=0x0000000000000000_0000000040e00000
 */
	movss (%rsi), %xmm4
