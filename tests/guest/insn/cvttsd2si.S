/* SPDX-License-Identifier: MIT */
/*
 * cvttsd2si: the indefinite integer. [SDM2 "CVTTSD2SI"]
 *
 * random: ymm1
 * in:  xmm1=f64:-2.9,0
 * out: rax=0xfffffffffffffffe mxcsr=0x1fa0
 * in:  xmm1=f64:1e19,0
 * out: rax=0x8000000000000000 mxcsr=0x1f81
 * in:  xmm1=0x7ff8000000000000
 * out: rax=0x8000000000000000 mxcsr=0x1f81
 */
	cvttsd2si %xmm1, %rax
