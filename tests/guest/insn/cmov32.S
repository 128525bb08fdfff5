/* SPDX-License-Identifier: MIT */
/*
 * A cmov of 32 bits clears the upper half even when it does not move. [SDM2
 * "CMOVcc"]
 *
 * random: rax rcx flags
 * in:  rax=0xffffffff00000001 rcx=2 flags=z
 * out: rax=0x1
 * in:  rax=0xffffffff00000001 rcx=2 flags=so
 * out: rax=0x2
 * in:  rax=1 rcx=2 flags=s
 * out:
 */
	cmovg %ecx, %eax
