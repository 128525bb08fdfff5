/* SPDX-License-Identifier: MIT */
/*
 * A PVH kernel: checks the start-info structure, prints the command line, the
 * memory map and the first word of the module, finds ACPI's root, ends with
 * status 0x2b (0x15).
 */
#include "serial.inc"

	.section .note, "a"
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	mov $stack_top, %esp
	mov %ebx, %ebp
	cmpl $0x336ec578, (%ebp)
	je 1f
	say "wrong magic\n"
	mov $1, %al
	jmp test_exit
1:	say "pvh: cmdline "
	mov 24(%ebp), %esi
	call put_string
	say "\npvh: modules "
	mov 12(%ebp), %eax
	call put_hex
	test %eax, %eax
	jz 2f
	mov 16(%ebp), %edi
	mov (%edi), %eax
	mov (%eax), %eax
	say " first "
	mov 16(%ebp), %edi
	mov (%edi), %eax
	mov (%eax), %eax
	call put_hex
2:	call put_newline
	mov 40(%ebp), %edi
	mov 48(%ebp), %ecx
3:	say "pvh: map "
	mov 4(%edi), %eax
	call put_hex
	mov (%edi), %eax
	call put_hex
	say " "
	mov 12(%edi), %eax
	call put_hex
	mov 8(%edi), %eax
	call put_hex
	say " "
	mov 16(%edi), %eax
	call put_hex
	call put_newline
	add $24, %edi
	dec %ecx
	jnz 3b
	mov 32(%ebp), %edi
	cmpl $0x20445352, (%edi) /* "RSD " */
	je 4f
	say "no RSDP\n"
	mov $2, %al
	jmp test_exit
4:	say "pvh: rsdp found\n"
	mov $0x15, %al
	jmp test_exit

	define_output

	.bss
	.align 16
	.skip 4096
stack_top:
