/* SPDX-License-Identifier: MIT */
/*
 * 16-bit code that runs hot, in protected and in real mode: the same bytes with
 * the same segments, so the answers are the same.
 *
 * It stands at 64 KiB and is called far from 32-bit code. In: EBX function,
 * EDI argument; out: EAX. Functions return by lretl. small.c has the segments.
 */
#include "tests/guest/code/small.h"

	.section .rodata
	.balign 16
	.globl small16, small16_end, protected16, real16
	.globl sum16, segments16, jumps16, wide16, strings16, wrap16
small16:
	.code16
#define AT(label) ((label) - small16) /* offset from CS's base */

saved:	.long 0

protected16:
	pushal
	mov $SMALL_CODE + AT(saved), %ecx
	mov %esp, (%ecx)
	mov $SEL_SMALL + 0x08, %ax
	mov %ax, %ds
	mov $SEL_SMALL + 0x10, %ax
	mov %ax, %es
	mov $SEL_SMALL + 0x18, %ax
	mov %ax, %fs
	mov $SEL_SMALL + 0x20, %ax
	mov %ax, %gs
	mov $SEL_SMALL + 0x28, %ax
	mov %ax, %ss
	mov $0xfff0, %esp
	pushl $SEL_SMALL
	pushl $AT(back)
	push %bx
	ret

back:	mov $SEL_FLAT, %cx
	mov %cx, %ds
	mov %cx, %es
	mov %cx, %fs
	mov %cx, %gs
	mov %cx, %ss
	mov $SMALL_CODE + AT(saved), %ecx
	mov (%ecx), %esp
	mov %eax, 28(%esp)
	popal
	lretl

/* By way of a segment with real mode's limit. */
real16:
	pushal
	mov $SMALL_CODE + AT(saved), %ecx
	mov %esp, (%ecx)
	mov $SEL_SMALL + 0x08, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %fs
	mov %ax, %gs
	mov %ax, %ss
	mov %cr0, %eax
	and $0xfe, %al
	mov %eax, %cr0
	ljmp $SMALL_CODE >> 4, $AT(1f)
1:	mov $SMALL_DS >> 4, %ax
	mov %ax, %ds
	mov $SMALL_ES >> 4, %ax
	mov %ax, %es
	mov $SMALL_FS >> 4, %ax
	mov %ax, %fs
	mov $SMALL_GS >> 4, %ax
	mov %ax, %gs
	mov $SMALL_SS >> 4, %ax
	mov %ax, %ss
	mov $0xfff0, %esp
	pushl $SMALL_CODE >> 4
	pushl $AT(2f)
	push %bx
	ret
2:	mov %cr0, %ecx
	or $1, %cl
	mov %ecx, %cr0
	ljmp $SEL_SMALL, $AT(back)

/* 1 + 2 + ... + DI: LOOP, JCXZ, CALL, RET and the stack. */
sum16:
	xor %ax, %ax
	mov %di, %cx
	jcxz 2f
1:	push %cx
	call 3f
	pop %cx
	loop 1b
2:	movzwl %ax, %eax
	lretl
3:	push %bp
	mov %sp, %bp
	add 4(%bp), %ax
	leave
	ret

/* Every segment, every form of address, sums that leave 64 KiB. */
segments16:
	mov %di, %ax
	mov $0xfff0, %bx
	mov $0x20, %si
	mov $-16, %bp
	mov %ax, (%bx, %si)
	mov %ax, %es:2(%bx, %si)
	inc %ax
	mov %ax, %fs:0x10
	mov %ax, %gs:(%si)
	mov %ax, (%bp, %si)
	add 0x10, %ax
	add %es:0x12, %ax
	add %fs:-0x10(%si), %ax
	add %gs:0x30(%bx), %ax
	add %ss:0x10, %ax
	mov %ah, 0x40
	mov 0x40, %cl
	movzbw %cl, %cx
	add %cx, %ax
	lock incw %es:0x12
	add %es:0x12, %ax
	mov %ax, %dx
	mov %al, %fs:0x50
	mov %fs:0x50, %al
	mov %ax, 0x52
	mov 0x52, %ax
	sub %dx, %ax
	add %dx, %ax
	add %ax, %es:0x12
	adc $0, %ax
	movzwl %ax, %eax
	lretl

/* Indirect calls and jumps, RET with a number, LOOPNE, JECXZ. */
jumps16:
	mov $AT(7f), %bx
	mov %di, %si
	and $3, %si
	shl $1, %si
	xor %ax, %ax
	push %di
	push %di
	call *%cs:(%bx, %si)
	mov $10, %cx
	cmp %cx, %cx
1:	inc %ax
	cmp $1005, %ax
	loopne 1b
	add %cx, %ax
	xor %ecx, %ecx
	mov $AT(2f), %dx
	jecxz 3f
	inc %ax
2:	movzwl %ax, %eax
	lretl
3:	jmp *%dx
4:	add $11, %ax
	ret $4
5:	add $22, %ax
	jmp 4b
6:	add $1000, %ax
	ret $4
	.balign 2
7:	.word AT(4b), AT(5b), AT(6b), AT(4b)

/* 32-bit operands and addresses, all registers, frames. */
wide16:
	mov %edi, %eax
	pushl %eax
	pushl $0x12345678
	popl %ebx
	popl %ecx
	lea (%ebx, %ecx, 2), %edx
	mov %edx, 0x60
	mov $0x60, %esi
	add (%esi), %eax
	add $-0x20, %esi
	add 0x20(%esi), %eax
	pusha
	xor %ax, %ax
	xor %bx, %bx
	popa
	pushal
	xor %eax, %eax
	popal
	enter $16, $0
	mov %eax, -8(%bp)
	imul $3, -8(%bp), %ecx
	leave
	bswap %ecx
	xor %ecx, %eax
	shld $5, %ebx, %eax
	lretl

/* Strings both ways, XLAT, segment registers, flags. */
strings16:
	cld
	mov %di, %ax
	push %ds
	pop %es
	xor %di, %di
	mov $32, %cx
	rep stosw
	xor %si, %si
	mov $0x100, %di
	mov $64, %cx
	rep movsb
	mov $0x100, %si
	lodsw
	mov %ax, %dx
	std
	mov $0x13e, %si
	lodsw
	cld
	add %dx, %ax
	pushf
	cmp %ax, %ax
	popf
	mov $0x80, %bx
	movb $7, 0x85
	push %ax
	mov $5, %al
	xlat
	movzbw %al, %dx
	pop %ax
	add %dx, %ax
	movw $0x44, 0x90
	movw %ds, 0x92
	les 0x90, %si
	movw $9, %es:(%si)
	add 0x44, %ax
	movzwl %ax, %eax
	lretl

/* The stack over the end of its segment. */
wrap16:
	mov %sp, %dx
	xor %sp, %sp
	push %di
	push %di
	pop %ax
	pop %cx
	add %cx, %ax
	add %sp, %ax
	mov %dx, %sp
	movzwl %ax, %eax
	lretl
small16_end:
