/* SPDX-License-Identifier: MIT */
/*
 * vmovaps of 256 bits wants 32. [SDM2 "MOVAPS"]
 *
 * needs: avx
 * limited-kvm: 3
 * in:  rsi=data
 * out: fault=13
 */
	vmovaps 16(%rsi), %ymm0
