/* SPDX-License-Identifier: MIT */
/*
 * bextr: start and length in one register. [SDM2 "BEXTR"]
 *
 * needs: bmi1
 * undefined: pas
 * random: rcx rdx flags
 * in:  rdx=0x12345678 rcx=0x0804
 * out: rax=0x67
 * in:  rdx=0xffffffff rcx=0xff1f
 * out: rax=0x1
 * in:  rdx=1 rcx=0x20
 * out: rax=0 flags=z
 */
	bextr %ecx, %edx, %eax
