/* SPDX-License-Identifier: MIT */
/*
 * vpbroadcastb. [SDM2 "VPBROADCAST"]
 *
 * needs: avx2
 * in:
 * out: ymm0=0x4848484848484848_4848484848484848_4848484848484848_4848484848484848
 */
	vpbroadcastb %xmm1, %ymm0
