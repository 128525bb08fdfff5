/* SPDX-License-Identifier: MIT */
/*
 * cmpxchg16b of unaligned bytes is #GP. [SDM2 "CMPXCHG8B/CMPXCHG16B"]
 *
 * needs: cx16
 * in:  rsi=data
 * out: fault=13
 */
	cmpxchg16b 8(%rsi)
