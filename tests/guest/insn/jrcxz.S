/* SPDX-License-Identifier: MIT */
/*
 * jrcxz looks at all 64 bits. [SDM2 "Jcc"]
 *
 * in:  rax=0 rcx=0
 * out:
 * in:  rax=0 rcx=0x100000000
 * out: rax=0x1
 */
	jrcxz 1f
	mov $1, %eax
1:
