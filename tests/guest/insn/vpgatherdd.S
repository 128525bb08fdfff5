/* SPDX-License-Identifier: MIT */
/*
 * vpgatherdd clears its mask as it goes. [SDM2 "VPGATHERDD/VPGATHERDQ"]
 *
 * needs: avx2
 * in:  rsi=data
 * in:  ymm1=0x00000007_00000006_00000005_00000004_00000003_00000002_00000001_00000000
 * in:  ymm2=0x80000000_00000000_80000000_80000000_80000000_80000000_80000000_80000000
 * out: ymm0=0xdad3ccc543424140_a29b948d867f7871_6a635c554e474039_322b241d160f0801
 * out: ymm2=0x0
 */
	vpgatherdd %ymm2, (%rsi,%ymm1,4), %ymm0
