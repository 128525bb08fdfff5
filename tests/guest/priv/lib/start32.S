/* SPDX-License-Identifier: MIT */
/* From multiboot's entry to image_main(): flat 32-bit code, no paging. */
#define MAGIC 0x1badb002
#define FLAGS 0x3
#define STACK 16384

	.section .head, "ax"
	.align 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.globl start
start:
	mov $boot_stack_top, %esp
	mov 16(%ebx), %eax
	mov %eax, command_line
	mov $0x23, %eax
	mov %eax, %cr0
	lgdt start_gdt
	ljmp $0x10, $1f
1:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	call tables_init
	push $0
	call tables_load
	call image_main
	call finish

	.data
	.globl command_line
command_line: .long 0
	.align 8
start_gdt: .word 63
	.long gdt

	.bss
	.balign 16
	.skip STACK
boot_stack_top:
	.globl user_stack
	.skip STACK
user_stack:
