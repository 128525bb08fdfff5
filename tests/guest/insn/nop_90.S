/* SPDX-License-Identifier: MIT */
/*
 * 90 is no operation: the upper half of RAX stays. [SDM2 "NOP"]
 *
 * in:  rax=0xffffffffffffffff
 * out:
 */
	nop
