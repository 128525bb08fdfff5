/* SPDX-License-Identifier: MIT */
/*
 * A truncated product: CF and OF say that bits were lost. [SDM2 "IMUL"]
 *
 * undefined: pazs
 * random: rax rcx flags
 * in:  rax=0xffffffff80000000 rcx=0xffffffff
 * out: rax=0x80000000 flags=co
 * in:  rax=7 rcx=0xfffffffd flags=co
 * out: rax=0xffffffeb flags=
 */
	imul %ecx, %eax
