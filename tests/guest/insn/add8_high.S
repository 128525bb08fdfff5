/* SPDX-License-Identifier: MIT */
/*
 * An 8-bit addition to AH leaves the other bytes alone. [SDM1 3.4.1.1
 * "General-Purpose Registers in 64-Bit Mode"]
 *
 * random: rax rcx flags
 * in:  rax=0x112233445566ff88 rcx=1
 * out: rax=0x1122334455660088 flags=cpaz
 * in:  rax=0x7f00 rcx=0x80
 * out: rax=0xff00 flags=ps
 */
	add %cl, %ah
