/* SPDX-License-Identifier: MIT */
/*
 * iret to the same level pops all five in 64-bit mode. [SDM2
 * "IRET/IRETD/IRETQ"]
 *
 * cpl: 3
 * in:  [stack]=0x0000000010000002 [stack+8]=0x0000000000000033
 * in:  [stack+0x10]=0x00000000000002d7 [stack+0x18]=0x0000000010020900
 * in:  [stack+0x20]=0x000000000000002b
 * out: rsp=stack+0x100 flags=cpazs
 */
	iretq
