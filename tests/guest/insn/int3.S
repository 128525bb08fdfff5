/* SPDX-License-Identifier: MIT */
/*
 * int3 is a trap: RIP is behind it. [SDM2 "INT n/INTO/INT3/INT1"]
 *
 * in:  flags=c
 * out: fault=3 rip=code+0x1
 */
	int3
	nop
