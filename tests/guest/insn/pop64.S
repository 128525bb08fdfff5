/* SPDX-License-Identifier: MIT */
/*
 * pop. [SDM2 "POP"]
 *
 * in:  [stack]=0x8877665544332211
 * out: rsp=stack+0x8 r15=0x8877665544332211
 */
	pop %r15
