/* SPDX-License-Identifier: MIT */
/*
 * movaps from an unaligned address is #GP. [SDM2 "MOVAPS"]
 *
 * in:  rsi=data
 * out: fault=13
 */
	movaps 8(%rsi), %xmm0
