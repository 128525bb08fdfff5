/* SPDX-License-Identifier: MIT */
/*
 * call through a register. [SDM2 "CALL"]
 *
 * in:  rax=code+7 rcx=0
 * out: rsp=stack-0x8 [stack-8]=0x0000000010000002
 */
	call *%rax
	mov $1, %ecx
	nop
