/* SPDX-License-Identifier: MIT */
/*
 * movmskpd. [SDM2 "MOVMSKPD"]
 *
 * random: ymm1
 * in:  rax=0xffffffffffffffff xmm1=f64:-0,1
 * out: rax=0x1
 */
	movmskpd %xmm1, %eax
