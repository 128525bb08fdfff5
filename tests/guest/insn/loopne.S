/* SPDX-License-Identifier: MIT */
/*
 * loopne wants ZF clear as well. [SDM2 "LOOP/LOOPcc"]
 *
 * in:  rax=0 rcx=5 flags=z
 * out: rax=0x1 rcx=0x4
 * in:  rax=0 rcx=5
 * out: rcx=0x4
 */
	loopne 1f
	mov $1, %eax
1:
