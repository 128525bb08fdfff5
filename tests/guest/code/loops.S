/* SPDX-License-Identifier: MIT */
/*
 * Loops that change themselves while they run, where they were linked. In: DI
 * rounds; out: AX.
 */
#ifdef __x86_64__
#define DI %rdi
#else
#define DI %edi
#endif
	.text
	.balign 4096

/* The loop's head counts up; each round adds it: 0 + 1 + ... */
	.globl loop_head
loop_head:
	mov $0, %ecx
	movl $0, 1f + 1
1:	mov $0, %eax
	add %eax, %ecx
	incl 1b + 1
	dec DI
	jnz 1b
	mov %ecx, %eax
	ret

/* The next instruction counts up, after the store. */
	.globl loop_next
loop_next:
	mov $0, %ecx
	movl $0, 2f + 1
1:	incl 2f + 1
2:	mov $0, %eax
	add %eax, %ecx
	dec DI
	jnz 1b
	mov %ecx, %eax
	ret

/* The store changes the instruction before it: not run again this round. */
	.globl loop_previous
loop_previous:
	mov $0, %ecx
	movl $7, 2f + 1
1:	mov $1, %edx
2:	mov $7, %eax
	mov %edx, 2b + 1
	add %eax, %ecx
	mov $7, %edx
	mov %edx, 2b + 1
	dec DI
	jnz 1b
	mov %ecx, %eax
	ret

/* The displacement of the loop's branch changes: two ways by turns. */
	.globl loop_branch
loop_branch:
	mov $0, %ecx
	mov $0, %edx
1:	xorb $(4f - 5f), 3f - 1
	test DI, DI
	.byte 0xeb, 0
3:
5:	inc %ecx
	jmp 6f
	.balign 16
4:	inc %edx
6:	dec DI
	jnz 1b
	mov %edx, %eax
	shl $16, %eax
	or %ecx, %eax
	ret

/* The opcode changes: inc and dec of CL by turns (fe c1, fe c9). */
	.globl loop_opcode
loop_opcode:
	mov $0, %ecx
	mov $0, %edx
	movb $0xc1, 2f + 1
1:
2:	inc %cl
	xorb $8, 2b + 1
	movzbl %cl, %eax
	add %eax, %edx
	dec DI
	jnz 1b
	mov %edx, %eax
	ret

/* The loop's own counter changes: the store ends the loop at 3 left. */
	.globl loop_end
loop_end:
	mov $0, %ecx
	movb $0x75, 2f
1:	inc %ecx
	dec DI
	cmp $3, DI
	jne 3f
	movb $0x74, 2f
3:	test DI, DI
2:	jnz 1b
	mov %ecx, %eax
	ret

/* Only data in the line of the loop changes. */
	.globl loop_line
loop_line:
	movl $0, 2f
	jmp 1f
	.balign 64
2:	.long 0
1:	incl 2b
	dec DI
	jnz 1b
	mov 2b, %eax
	ret

	.section .note.GNU-stack, "", @progbits
