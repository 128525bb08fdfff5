/* SPDX-License-Identifier: MIT */
/*
 * shrd by an immediate; the upper half is cleared. [SDM2 "SHRD"]
 *
 * undefined: ao
 * random: rax rdx flags
 * in:  rax=0xffffffff12345680 rdx=0xab
 * out: rax=0xab123456 flags=cps
 */
	shrd $8, %edx, %eax
