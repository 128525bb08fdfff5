/* SPDX-License-Identifier: MIT */
/*
 * From multiboot's 32-bit entry to image_main() in 64-bit mode: the first
 * 4 GiB one to one for CPL 0, and the first GiB once more from 512 GiB on for
 * CPL 3. How the other CPUs get there is in lib/ap.S.
 */
#define MAGIC 0x1badb002
#define FLAGS 0x3
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LME_NXE_SCE 0x901
#define CR0_PG_WP_NE_MP_PE 0x80010023
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
	call fill_tables
	call long_mode
	ljmp $0x10, $1f
	.code64
1:	call set_data
	mov $boot_stack_top, %rsp
	call tables_init
	xor %edi, %edi
	call tables_load
	call image_main
	call finish

	.code32
/* Two-MiB pages; everything is in .bss, so zero before. */
fill_tables:
	movl $pdpt + 3, pml4
	movl $user_pdpt + 7, pml4 + 8
	movl $user_pd + 7, user_pdpt
	mov $pd + 3, %eax
	mov $pdpt, %edi
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $0x83, %eax
	mov $pd, %edi
	mov $2048, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	mov $0x87, %eax
	mov $user_pd, %edi
	mov $512, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	ret

/* Leaves the caller in compatibility mode with our GDT. */
	.globl long_mode
long_mode:
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME_NXE_SCE, %eax
	wrmsr
	mov $CR0_PG_WP_NE_MP_PE, %eax
	mov %eax, %cr0
	lgdt start_gdt
	ret

	.code64
	.globl set_data
set_data:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	ret

	.data
	.globl command_line
command_line: .quad 0
	.align 8
start_gdt: .word 63
	.quad gdt

	.bss
	.align 4096
	.globl pml4
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
user_pdpt: .skip 4096
user_pd: .skip 4096
	.skip STACK
	.globl boot_stack_top
boot_stack_top:
	.globl user_stack
	.skip STACK
user_stack:
