/* SPDX-License-Identifier: MIT */
/* One access each, for CPL 0 (ret) and CPL 3 (int $0x80). */
	.text
	.globl kernel_read, kernel_write, kernel_fetch, kernel_write8
	.globl user_read, user_write, user_fetch, kernel_read8, kernel_push
	.globl kernel_stac_read, kernel_stac_write, kernel_pop
kernel_read:
	movzbl (%rdi), %eax
	ret
kernel_read8:
	mov (%rdi), %rax
	ret
kernel_write:
	mov %sil, (%rdi)
	ret
kernel_write8:
	mov %rsi, (%rdi)
	ret
kernel_fetch:
	sub $8, %rsp
	call *%rdi
	add $8, %rsp
	ret
/* Through RSP: a stack reference. */
kernel_push:
	mov %rsp, %rdx
	mov %rdi, %rsp
	push %rsi
	mov %rdx, %rsp
	ret
kernel_pop:
	mov %rsp, %rdx
	mov %rdi, %rsp
	pop %rax
	mov %rdx, %rsp
	ret
user_read:
	movzbl (%rdi), %eax
	int $0x80
user_write:
	mov %sil, (%rdi)
	int $0x80
user_fetch:
	call *%rdi
	int $0x80
