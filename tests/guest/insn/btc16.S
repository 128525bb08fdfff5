/* SPDX-License-Identifier: MIT */
/*
 * btc of a word. [SDM2 "BTC"]
 *
 * undefined: paso
 * random: rax rcx flags
 * in:  rax=0x10000 rcx=0x1f
 * out: rax=0x18000
 * in:  rax=0x8000 rcx=15
 * out: rax=0 flags=c
 */
	btc %cx, %ax
