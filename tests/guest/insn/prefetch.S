/* SPDX-License-Identifier: MIT */
/*
 * A prefetch of nothing does not fault. [SDM2 "PREFETCHh"]
 *
 * in:  rsi=0x10012000
 * out:
 * in:  rsi=0x8000000000000000
 * out:
 */
	prefetcht0 (%rsi)
