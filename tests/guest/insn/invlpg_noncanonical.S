/* SPDX-License-Identifier: MIT */
/*
 * invlpg of a non-canonical address does nothing. [SDM2 "INVLPG"]
 *
 * cpl: 0
 * in:  rsi=0x8000000000000000
 * out:
 */
	invlpg (%rsi)
