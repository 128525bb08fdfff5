/* SPDX-License-Identifier: MIT */
/*
 * syscall(2) of libc. The few numbers that concern descriptors and signal
 * actions go to preload_syscall; all others are made from here, without a frame
 * of ours: the caller may be one that continues on another stack.
 */
#include <sys/syscall.h>

#define LAST SYS_openat2

	.section .rodata
	.balign 8
/* One bit for each number; LAST is 437. */
interposed:
	.set i, 0
	.rept (LAST + 64) / 64
	.set word, 0
	.irp number, SYS_open, SYS_close, SYS_mmap, SYS_rt_sigaction, \
		SYS_ioctl, SYS_dup, SYS_dup2, SYS_fcntl, SYS_openat, \
		SYS_dup3, SYS_close_range, SYS_openat2
	.if (\number) / 64 == i
	.set word, word | (1 << ((\number) % 64))
	.endif
	.endr
	.quad word
	.set i, i + 1
	.endr

	.text
	.balign 16
	.globl syscall
	.type syscall, @function
syscall:
	.cfi_startproc
	endbr64
	cmp $LAST, %rdi
	ja 1f
	lea interposed(%rip), %rax
	bt %rdi, (%rax)
	jc preload_syscall
1:	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	cmp $-4095, %rax
	jae 2f
	ret
2:	neg %eax
	push %rax
	.cfi_adjust_cfa_offset 8
	call __errno_location@PLT
	pop %rcx
	.cfi_adjust_cfa_offset -8
	mov %ecx, (%rax)
	mov $-1, %rax
	ret
	.cfi_endproc
	.size syscall, . - syscall

	.section .note.GNU-stack, "", @progbits
