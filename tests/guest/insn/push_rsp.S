/* SPDX-License-Identifier: MIT */
/*
 * push of RSP stores the old value. [SDM2 "PUSH"]
 *
 * in:
 * out: rsp=stack-0x8 [stack-8]=0x0000000010020800
 */
	push %rsp
