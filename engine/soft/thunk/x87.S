/* SPDX-License-Identifier: MIT */
/*
 * Every x87 instruction that computes: register forms by opcode and ModRM's low
 * six bits, memory forms on (%rdi) by opcode and ModRM.reg, 4 bytes apart. What
 * core does itself (control word, environment, FNSTSW, FNINIT …) is INT3 here.
 * [SDM2 A.5 "Escape Opcode Instructions"]
 */

	.section .text.thunk_x87, "ax", @progbits
	.balign 64
	.globl x87_registers
	.hidden x87_registers
x87_registers:
	.set number, 0
	.rept 512
	.balign 4, 0xcc
	/* DB E0-E7: FNENI … FNINIT; DF E0: FNSTSW AX */
	.if (number >= 0xe0 && number < 0xe8) || number == 0x1e0
	int3
	.else
	.byte 0xd8 | number >> 6, 0xc0 | (number & 63)
	ret
	.endif
	.set number, number + 1
	.endr

	.balign 64
	.globl x87_memory
	.hidden x87_memory
x87_memory:
	.set number, 0
	.rept 64
	.balign 4, 0xcc
	/* D9 /4-7, DB /4 /6, DD /4-7, D9 /1 */
	.if (number >= 0x0c && number < 0x10) || number == 0x09 || \
		number == 0x1c || number == 0x1e || (number >= 0x2c && number < 0x30)
	int3
	.else
	.byte 0xd8 | number >> 3, (number << 3 & 0x38) | 7
	ret
	.endif
	.set number, number + 1
	.endr

	.section .note.GNU-stack, "", @progbits
