/* SPDX-License-Identifier: MIT */
/*
 * pop of two bytes. [SDM2 "POP"]
 *
 * in:  rax=0x9999999999999999 [stack]=0x1234
 * out: rax=0x9999999999991234 rsp=stack+0x2
 */
	pop %ax
