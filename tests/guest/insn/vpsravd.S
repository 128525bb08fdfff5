/* SPDX-License-Identifier: MIT */
/*
 * vpsravd. [SDM2 "VPSRAVW/VPSRAVD/VPSRAVQ"]
 *
 * needs: avx2
 * random: ymm1 [data]
 * in:  rsi=data [data]=0x00000021_00000001 ymm1=0x80000000_80000000
 * out: ymm0=0x0000000000000000_0000000000000000_0000000000000000_ffffffffc0000000
 */
	vpsravd (%rsi), %ymm1, %ymm0
