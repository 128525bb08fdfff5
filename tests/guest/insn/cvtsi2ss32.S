/* SPDX-License-Identifier: MIT */
/*
 * cvtsi2ss of 32 bits. [SDM2 "CVTSI2SS"]
 *
 * random: rcx ymm0
 * in:  rcx=0xffffffff80000001
 * out: mxcsr=0x1fa0 xmm0=0x4746454443424140_47464544cf000000
 */
	cvtsi2ss %ecx, %xmm0
