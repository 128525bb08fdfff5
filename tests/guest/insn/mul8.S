/* SPDX-License-Identifier: MIT */
/*
 * mul of bytes gives AX. [SDM2 "MUL"]
 *
 * undefined: pazs
 * random: rax rbx flags
 * in:  rax=0x12ff rbx=0xff
 * out: rax=0xfe01 flags=co
 * in:  rax=0x1203 rbx=5 flags=co
 * out: rax=0xf flags=
 */
	mul %bl
