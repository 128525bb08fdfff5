/* SPDX-License-Identifier: MIT */
/*
 * phminposuw. [SDM2 "PHMINPOSUW"]
 *
 * needs: sse41
 * random: ymm1
 * in:  xmm1=0x0005000400090002_0007000200030008
 * out: xmm0=0x0000000000000000_0000000000020002
 */
	phminposuw %xmm1, %xmm0
