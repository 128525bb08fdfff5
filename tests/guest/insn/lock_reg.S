/* SPDX-License-Identifier: MIT */
/*
 * lock with a register is #UD. [SDM2 "LOCK"]
 *
 * in:
 * out: fault=6
 */
	.byte 0xf0, 0x48, 0x01, 0xc8 /* lock add %rcx, %rax */
