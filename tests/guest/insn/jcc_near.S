/* SPDX-License-Identifier: MIT */
/*
 * The near form, taken and not, on parity. [SDM2 "Jcc"]
 *
 * random: flags
 * in:  rax=0 flags=p
 * out:
 * in:  rax=0 flags=
 * out: rax=0x1
 */
	.byte 0x0f, 0x8a
	.long 5 /* jp 1f */
	mov $1, %eax
