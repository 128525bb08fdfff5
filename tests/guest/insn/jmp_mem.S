/* SPDX-License-Identifier: MIT */
/*
 * jmp through memory. [SDM2 "JMP"]
 *
 * in:  rsi=data rax=0 [data]=0x0000000010000007
 * out:
 */
	jmp *(%rsi)
	mov $1, %eax
	nop
