/* SPDX-License-Identifier: MIT */
/*
 * A fault leaves the elements before it, and the mask's are cleared, the rest
 * of both registers as it was. [APM4 "VPGATHERDD"]
 *
 * needs: avx2 amd
 * in:  rsi=data+0x1ff0 xmm1=0x00000000_00000010_00000004_00000000
 * in:  xmm2=0x80000000_80000000_80000000_80000000
 * out: xmm0=0x4746454443424140_c2bbb4ada69f9891
 * out: xmm2=0x8000000080000000_0000000000000000
 * out: fault=14 error=0x4 cr2=0x10012000
 */
	vpgatherdd %xmm2, (%rsi,%xmm1,1), %xmm0
