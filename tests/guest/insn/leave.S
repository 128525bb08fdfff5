/* SPDX-License-Identifier: MIT */
/*
 * leave. [SDM2 "LEAVE"]
 *
 * in:  rbp=stack+0x40 [stack+0x40]=0x7777777777777777
 * out: rsp=stack+0x48 rbp=0x7777777777777777
 */
	leave
