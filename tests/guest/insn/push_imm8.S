/* SPDX-License-Identifier: MIT */
/*
 * An immediate byte is sign-extended to 64 bits. [SDM2 "PUSH"]
 *
 * in:
 * out: rsp=stack-0x8 [stack-8]=0xfffffffffffffffe
 */
	push $-2
