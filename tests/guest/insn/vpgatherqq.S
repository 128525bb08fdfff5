/* SPDX-License-Identifier: MIT */
/*
 * vpgatherqq with negative indices. [SDM2 "VPGATHERDQ/VPGATHERQQ"]
 *
 * needs: avx2
 * in:  rsi=data
 * in:  ymm1=0xffffffffffffffff_0000000000000001_fffffffffffffffe_0000000000000003
 * in:  ymm2=0x8000000000000000_8000000000000000_8000000000000000_0000000000000000
 * out: ymm0=0xfaf3ece5ded7d0c9_6a635c554e474039_c2bbb4ada69f9891_4746454443424140
 * out: ymm2=0x0
 */
	vpgatherqq %ymm2, 0x100(%rsi,%ymm1,8), %ymm0
