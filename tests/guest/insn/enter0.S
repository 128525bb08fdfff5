/* SPDX-License-Identifier: MIT */
/*
 * enter with level 0. [SDM2 "ENTER"]
 *
 * in:  rbp=0x1234
 * out: rsp=stack-0x28 rbp=stack-0x8 [stack-8]=0x0000000000001234
 */
	enter $0x20, $0
