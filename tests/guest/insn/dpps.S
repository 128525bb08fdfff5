/* SPDX-License-Identifier: MIT */
/*
 * dpps. [SDM2 "DPPS"]
 *
 * needs: sse41
 * in:  xmm0=f32:1,2,3,4 xmm1=f32:5,6,7,8
 * out: xmm0=0x0000000042180000_0000000042180000
 */
	dpps $0x75, %xmm1, %xmm0
