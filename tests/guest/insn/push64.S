/* SPDX-License-Identifier: MIT */
/*
 * push. [SDM2 "PUSH"]
 *
 * random: rbx
 * in:  rbx=0x1122334455667788
 * out: rsp=stack-0x8 [stack-8]=0x1122334455667788
 */
	push %rbx
