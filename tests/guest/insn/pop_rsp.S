/* SPDX-License-Identifier: MIT */
/*
 * pop into RSP: no increment afterwards. [SDM2 "POP"]
 *
 * in:  [stack]=0x0000000010010040
 * out: rsp=data+0x40
 */
	pop %rsp
