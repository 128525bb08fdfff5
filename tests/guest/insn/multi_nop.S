/* SPDX-License-Identifier: MIT */
/*
 * The long nop does not read. [SDM2 "NOP"]
 *
 * in:  rsi=0x8000000000000000
 * out:
 */
	nopw 0x1000(%rsi,%rax)
