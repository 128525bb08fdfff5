/* SPDX-License-Identifier: MIT */
/*
 * psignd. [SDM2 "PSIGNB/PSIGNW/PSIGND"]
 *
 * needs: ssse3
 * random: ymm0 ymm1
 * in:  xmm0=0x00000001_00000002_80000000_00000004
 * in:  xmm1=0xffffffff_00000000_80000000_00000001
 * out: xmm0=0xffffffff00000000_8000000000000004
 */
	psignd %xmm1, %xmm0
