/* SPDX-License-Identifier: MIT */
/*
 * An MMX instruction puts the x87 into MMX state: TOP 0, all in use. [SDM1
 * 9.6.2 "Transitions Between x87 FPU and MMX Code"]
 *
 * in:  rax=0x1122334455667788
 * out: st=0,0,0xffff1122334455667788,0,0,0,0,0
 */
	movq %rax, %mm2
