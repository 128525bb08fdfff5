/* SPDX-License-Identifier: MIT */
/*
 * Masked elements are not read, so they cannot fault. [SDM2 "VMASKMOV"]
 *
 * needs: avx
 * in:  rsi=data+0x1ff0
 * in:  ymm2=0x00000000_00000000_00000000_00000000_80000000_00000000_80000000_80000000
 * out: ymm0=0x0000000000000000_0000000000000000_faf3ece500000000_c2bbb4ada69f9891
 */
	vmaskmovps (%rsi), %ymm2, %ymm0
