/* SPDX-License-Identifier: MIT */
/* Entry of all 256 vectors, catching, and going to any level by IRET. */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17))
	push $0
	.endif
	push $vector
	jmp trap_common
	vector = vector + 1
	.endr

trap_common:
	cld
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rsp
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call trap_entry
	mov %rbp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	add $8, %rsp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/* word catch_enter(word *save, void *fn, word a, word b) */
	.globl catch_enter, catch_leave
catch_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	pushf
	mov %rsp, (%rdi)
	mov %rsi, %rax
	mov %rdx, %rdi
	mov %rcx, %rsi
	call *%rax
catch_out:
	popf
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
catch_leave:
	mov %rdi, %rsp
	xor %eax, %eax
	jmp catch_out

/* enter_frame(ip, cs, flags, sp, ss, a, b) */
	.globl enter_frame
enter_frame:
	mov 8(%rsp), %rax
	push %r8
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	mov %r9, %rdi
	mov %rax, %rsi
	iretq
