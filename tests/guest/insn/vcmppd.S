/* SPDX-License-Identifier: MIT */
/*
 * vcmppd with a predicate beyond 7. [SDM2 "CMPPD"]
 *
 * needs: avx
 * random: ymm1 ymm2
 * in:  ymm1=f64:1,2,3,4 ymm2=f64:2,2,2,2
 * out: ymm0=0xffffffffffffffff_ffffffffffffffff_ffffffffffffffff_0000000000000000
 */
	vcmppd $0x1d, %ymm2, %ymm1, %ymm0
