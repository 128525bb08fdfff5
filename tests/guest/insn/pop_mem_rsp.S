/* SPDX-License-Identifier: MIT */
/*
 * The address of pop uses the new RSP. [SDM2 "POP"]
 *
 * in:  [stack]=0x1111111122222222
 * out: rsp=stack+0x8 [stack+16]=0x1111111122222222
 */
	pop 8(%rsp)
