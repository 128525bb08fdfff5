/* SPDX-License-Identifier: MIT */
/*
 * The outside of a Linux bzImage: a setup header, and an inside that prints
 * what the zero page says and ends with status 0x2b (0x15). Built for the
 * 64-bit entry (IMAGE_64) and for the 32-bit one.
 */
#include "serial.inc"

	.section .head, "a"
head:
	.org 0x1f1
	.byte 1			/* setup_sects */
	.word 0
	.long syssize
	.word 0, 0, 0
	.word 0xaa55
	.byte 0xeb, header_end - 0x202 - head
	.ascii "HdrS"
#ifdef IMAGE_64
	.word 0x020f
#else
	.word 0x0203
#endif
	.long 0
	.word 0, 0
	.byte 0
	.byte 1			/* loaded high */
	.word 0
	.long 0x100000		/* code32_start */
	.long 0, 0, 0
	.word 0
	.byte 0, 0
	.long 0			/* cmd_line_ptr */
	.long 0x3fffffff	/* initrd_addr_max */
	.long 0x200000		/* kernel_alignment */
#ifdef IMAGE_64
	.byte 1, 21		/* relocatable */
	.word 1			/* XLF_KERNEL_64 */
#else
	.byte 0, 0
	.word 0
#endif
	.long 2047		/* cmdline_size */
	.long 0
	.quad 0
	.long 0, 0
	.quad 0
	.quad 0x1000000		/* pref_address */
	.long 0x200000		/* init_size */
	.long 0
header_end:
	.org 0x400

	.text
	.globl start
#ifdef IMAGE_64
	.code64
	ud2			/* the 32-bit entry, not for us */
	.org 0x200
start:
	lea stack_top(%rip), %rsp
#else
	.code32
start:
	mov $stack_top, %esp
#endif
	mov SI, BX
	say "bzimage: at "
	call 1f
1:	pop AX
	and $0xfffff000, %eax
	call put_hex
	say " cmdline "
	mov 0x228(BX), %esi
	call put_string
	say "\nbzimage: initrd size "
	mov 0x21c(BX), %eax
	call put_hex
	test %eax, %eax
	jz 2f
	mov 0x218(BX), %edi
	mov (DI), %ecx
	say " first "
	mov %ecx, %eax
	call put_hex
2:	say "\nbzimage: e820 entries "
	movzbl 0x1e8(BX), %eax
	call put_hex
	say " loader "
	movzbl 0x210(BX), %eax
	call put_hex
	call put_newline
	mov 0x70(BX), %edi
	cmpl $0x20445352, (DI)
	je 3f
	say "no RSDP\n"
	mov $2, %al
	jmp test_exit
3:	mov $0x15, %al
	jmp test_exit

	define_output

	.bss
	.align 16
	.skip 4096
stack_top:
