/* SPDX-License-Identifier: MIT */
/*
 * cvtsi2sd of 64 bits rounds. [SDM2 "CVTSI2SD"]
 *
 * random: rcx ymm0
 * in:  rcx=0x7fffffffffffffff
 * out: mxcsr=0x1fa0 xmm0=0x4746454443424140_43e0000000000000
 */
	cvtsi2sd %rcx, %xmm0
