/* SPDX-License-Identifier: MIT */
/*
 * mul of words gives DX:AX, the upper parts stay. [SDM2 "MUL"]
 *
 * undefined: pazs
 * random: rax rcx rdx flags
 * in:  rax=0x9999999999998000 rdx=0x8888888888888888 rcx=2
 * out: rax=0x9999999999990000 rdx=0x8888888888880001 flags=co
 */
	mul %cx
