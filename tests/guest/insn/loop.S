/* SPDX-License-Identifier: MIT */
/*
 * loop changes RCX and no flag. [SDM2 "LOOP/LOOPcc"]
 *
 * in:  rax=0 rcx=1 flags=cpazso
 * out: rax=0x1 rcx=0
 * in:  rax=0 rcx=0
 * out: rcx=0xffffffffffffffff
 */
	loop 1f
	mov $1, %eax
1:
