/* SPDX-License-Identifier: MIT */
/*
 * pmovmskb. [SDM2 "PMOVMSKB"]
 *
 * random: ymm1
 * in:  xmm1=0x80_7f80000000000080 rax=0xffffffffffffffff
 * out: rax=0x141
 */
	pmovmskb %xmm1, %eax
