/* SPDX-License-Identifier: MIT */
/*
 * xadd of a register with itself doubles it. [SDM2 "XADD"]
 *
 * random: rax flags
 * in:  rax=0x81234567
 * out: rax=0x2468ace flags=co
 */
	xadd %eax, %eax
