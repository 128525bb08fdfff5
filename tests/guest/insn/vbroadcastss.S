/* SPDX-License-Identifier: MIT */
/*
 * vbroadcastss. [SDM2 "VBROADCAST"]
 *
 * needs: avx
 * in:  rsi=data [data]=f32:2.5
 * out: ymm0=0x4020000040200000_4020000040200000_4020000040200000_4020000040200000
 */
	vbroadcastss (%rsi), %ymm0
