/* SPDX-License-Identifier: MIT */
/*
 * The start of the other CPUs, from SIPI to ap_main() in 64-bit mode. They come
 * one after the other: the stack for the way there is one for all.
 */
#define STACK 16384

/* Copied to AP_START, entered there in real mode. */
#define AP_START 0x8000
	.code16
	.globl ap_start, ap_start_end, ap_ticket
ap_start:
	cli
	xor %eax, %eax
	mov %ax, %ds
	lgdtl AP_START + (ap_gdt - ap_start)
	mov $0x23, %eax
	mov %eax, %cr0
	ljmpl $8, $AP_START + (1f - ap_start)
	.code32
1:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $ap_protected, %eax
	jmp *%eax
	.align 4
ap_gdt:	.word 63
	.long gdt
ap_start_end:

	.text
	.code32
ap_protected:
	mov $ap_boot_stack_top, %esp
	call long_mode
	ljmp $0x10, $1f
	.code64
1:
	mov $1, %eax
	lock xadd %eax, ap_ticket(%rip)
	shl $14, %rax
	lea ap_stacks + STACK(%rip), %rsp
	add %rax, %rsp
	call set_data
	call ap_main
1:	cli
	hlt
	jmp 1b

	.data
ap_ticket: .long 0
	.bss
	.balign 16
	.skip 256
ap_boot_stack_top:
ap_stacks: .skip 8 * STACK
