/* SPDX-License-Identifier: MIT */
/*
 * movhpd from memory keeps the low half. [SDM2 "MOVHPD"]
 *
 * in:  rsi=data [data]=0x1122334455667788
 * out: xmm5=0x1122334455667788_6f6e6d6c6b6a6968
 */
	movhpd (%rsi), %xmm5
