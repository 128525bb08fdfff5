/* SPDX-License-Identifier: MIT */
/*
 * setcc writes a byte. [SDM2 "SETcc"]
 *
 * random: rax flags
 * in:  rax=0xffff flags=
 * out: rax=0xff
 * in:  rax=0 flags=z
 * out: rax=0x100
 * in:  rax=0 flags=c
 * out: rax=0x100
 */
	setbe %ah
