/* SPDX-License-Identifier: MIT */
/*
 * pblendvb by the top bits of XMM0. [SDM2 "PBLENDVB"]
 *
 * needs: sse41
 * random: ymm0
 * in:  xmm0=0x8000800080008000_00ff00ff00ff00ff
 * out: xmm2=0x4f564d544b524950_574e554c534a5148
 */
	pblendvb %xmm0, %xmm1, %xmm2
