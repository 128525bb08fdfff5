/* SPDX-License-Identifier: MIT */
/*
 * A cmov that does not move still reads. [SDM2 "CMOVcc"]
 *
 * in:  rsi=0x10012000 flags=
 * out: fault=14 error=0x4 cr2=0x10012000
 */
	cmovz (%rsi), %rax
