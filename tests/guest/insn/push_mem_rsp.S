/* SPDX-License-Identifier: MIT */
/*
 * The address of push uses the old RSP. [SDM2 "PUSH"]
 *
 * in:  [stack+8]=0x0102030405060708
 * out: rsp=stack-0x8 [stack-8]=0x0102030405060708
 */
	push 8(%rsp)
