/* SPDX-License-Identifier: MIT */
/*
 * lsl scales the limit. [SDM2 "LSL"]
 *
 * cpl: 3
 * in:  rcx=0x33
 * out: rax=0xffffffff flags=z
 * in:  rcx=0x10
 * out:
 */
	lsl %ecx, %eax
