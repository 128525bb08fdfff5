/* SPDX-License-Identifier: MIT */
/*
 * cvtdq2ps rounds. [SDM2 "CVTDQ2PS"]
 *
 * random: ymm1
 * in:  xmm1=0x7fffffff_80000000_01000001_00000003
 * out: mxcsr=0x1fa0 xmm0=0x4f000000cf000000_4b80000040400000
 */
	cvtdq2ps %xmm1, %xmm0
