/* SPDX-License-Identifier: MIT */
/*
 * A locked addition to unaligned memory within a cache line. (Across two of
 * them hosts slow the process down or stop it.) [SDM2 "LOCK"]
 *
 * random: rcx [data+0x20] flags
 * in:  rsi=data rcx=1 [data+0x29]=0xffffffffffffffff
 * out: flags=cpaz [data+0x29]=0x0000000000000000
 */
	lock addq %rcx, 0x29(%rsi)
