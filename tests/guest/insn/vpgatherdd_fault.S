/* SPDX-License-Identifier: MIT */
/*
 * A fault leaves the elements before it, and the mask says which. Intel spreads
 * the mask's bits first and clears the upper halves; see _amd. [SDM2
 * "VPGATHERDD/VPGATHERDQ"]
 *
 * needs: avx2 intel
 * in:  rsi=data+0x1ff0 xmm1=0x00000000_00000010_00000004_00000000
 * in:  xmm2=0x80000000_80000000_80000000_80000000
 * out: ymm0=0x0000000000000000_0000000000000000_4746454443424140_c2bbb4ada69f9891
 * out: ymm2=0x0000000000000000_0000000000000000_ffffffffffffffff_0000000000000000
 * out: fault=14 error=0x4 cr2=0x10012000
 */
	vpgatherdd %xmm2, (%rsi,%xmm1,1), %xmm0
