/* SPDX-License-Identifier: MIT */
/*
 * jecxz looks at 32 bits. [SDM2 "Jcc"]
 *
 * in:  rax=0 rcx=0x100000000
 * out:
 */
	jecxz 1f
	mov $1, %eax
1:
