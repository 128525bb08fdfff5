/* SPDX-License-Identifier: MIT */
/*
 * enter with level 2 copies one frame pointer. [SDM2 "ENTER"]
 *
 * in:  rbp=stack+0x100 [stack+0xf8]=0xabababababababab
 * out: rsp=stack-0x28 rbp=stack-0x8 [stack-24]=0x00000000100207f8
 * out: [stack-16]=0xabababababababab [stack-8]=0x0000000010020900
 */
	enter $0x10, $2
