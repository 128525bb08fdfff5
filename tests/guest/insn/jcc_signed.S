/* SPDX-License-Identifier: MIT */
/*
 * jl: SF is not OF. [SDM2 "Jcc"]
 *
 * random: flags
 * in:  rax=0 flags=s
 * out:
 * in:  rax=0 flags=so
 * out: rax=0x1
 * in:  rax=0 flags=o
 * out:
 */
	jl 1f
	mov $1, %eax
1:
