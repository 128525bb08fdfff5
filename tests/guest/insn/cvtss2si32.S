/* SPDX-License-Identifier: MIT */
/*
 * cvtss2si rounds as MXCSR says. [SDM2 "CVTSS2SI"]
 *
 * random: ymm1
 * in:  xmm1=f32:2.5 rax=0xffffffffffffffff
 * out: rax=0x2 mxcsr=0x1fa0
 * in:  xmm1=f32:2.5 mxcsr=0x5f80
 * out: rax=0x3 mxcsr=0x5fa0
 */
	cvtss2si %xmm1, %eax
