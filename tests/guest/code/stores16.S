/* SPDX-License-Identifier: MIT */
/*
 * 16-bit code that changes itself, run below 64 KiB by a far call from 32-bit
 * code. In: EDI rounds; out: EAX.
 */
	.section .rodata
	.balign 16
	.globl code16, code16_end
	.globl head16, next16, stos16, mixed16, twice16
code16:
	.code16
	/* so that labels are offsets from 0x8000, where it runs */
#define AT(label) (0x8000 + (label) - code16)

/* The loop's head counts up: 0 + 1 + ... */
head16:
	xor %ecx, %ecx
	movw $0, AT(1f) + 1
1:	mov $0, %ax
	movzwl %ax, %eax
	add %eax, %ecx
	incw AT(1b) + 1
	dec %edi
	jnz 1b
	mov %ecx, %eax
	lretl

/* The next instruction counts up, by 32-bit operand and address size. */
next16:
	xor %ecx, %ecx
	mov $AT(2f) + 2, %ebx
	movl $0, (%ebx)
1:	incl (%ebx)
2:	mov $0, %eax
	add %eax, %ecx
	dec %edi
	jnz 1b
	mov %ecx, %eax
	lretl

/* REP STOSB over the immediate behind it, with DI of 16 bits. */
stos16:
	xor %ecx, %ecx
	mov %edi, %edx
1:	mov %dl, %al
	push %cx
	mov $2, %cx
	mov $AT(2f) + 1, %di
	rep stosb
	pop %cx
2:	mov $0, %ax
	cmp %dl, %al
	jne 3f
	cmp %dl, %ah
	jne 3f
	inc %cx
3:	dec %edx
	jnz 1b
	movzwl %cx, %eax
	lretl

/* A branch's condition changes each round: je and jne. */
mixed16:
	xor %ecx, %ecx
	movb $0x74, AT(2f)
1:	xorb $1, AT(2f)
	cmp %ax, %ax
2:	je 3f
	inc %cx
3:	dec %edi
	jnz 1b
	movzwl %cx, %eax
	lretl

/* An operand-size prefix becomes a NOP and back: inc %eax, or inc %ax. */
twice16:
	xor %ecx, %ecx
	movb $0x66, AT(2f)
1:	mov $0xffff, %eax
2:	.byte 0x66, 0x40
	shr $16, %eax
	add %eax, %ecx
	xorb $0x66 ^ 0x90, AT(2b)
	dec %edi
	jnz 1b
	mov %ecx, %eax
	lretl
code16_end:
	.section .note.GNU-stack, "", @progbits
