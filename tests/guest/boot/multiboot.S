/* SPDX-License-Identifier: MIT */
/*
 * A multiboot 1 kernel that says what it was given and then does what the
 * first letter of its command line asks:
 *	o  power off			r  reset by the keyboard controller
 *	R  reset by 0xcf9		f  reset by port 0x92
 *	t  triple fault			e  echo the serial port until 'q'
 *	s  spin with interrupts off	x  test exit with 0x15
 *	h  halt with interrupts off	p  print without end
 * It counts its starts in CMOS byte 0x40, which a reset keeps; from the second
 * start on it powers off.
 */
#include "serial.inc"

#define MAGIC 0x1badb002
#ifdef KLUDGE
#define FLAGS 0x10003
#else
#define FLAGS 0x3
#endif

	.section .head, "ax"
	.align 4
header:
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)
#ifdef KLUDGE
	.long header, 0x200000, image_end, image_bss_end, start
#endif

	.text
	.code32
	.globl start
start:
	mov $stack_top, %esp
	mov %ebx, %ebp
	cmp $0x2badb002, %eax
	je 1f
	say "wrong magic\n"
	mov $1, %al
	jmp test_exit
1:	say "multiboot: cmdline "
	mov 16(%ebp), %esi
	call put_string
	say "\nmultiboot: upper "
	mov 8(%ebp), %eax
	call put_hex
	say "\nmultiboot: modules "
	mov 20(%ebp), %eax
	call put_hex
	test %eax, %eax
	jz 2f
	mov 24(%ebp), %edi
	say " first "
	mov (%edi), %eax
	mov (%eax), %eax
	call put_hex
2:	call put_newline
	/* .bss must be zero even after a reset. */
	mov dirty, %eax
	test %eax, %eax
	jz 3f
	say "bss is dirty\n"
	mov $2, %al
	jmp test_exit
3:	movl $1, dirty

	mov $0x40, %al
	out %al, $CMOS
	in $CMOS + 1, %al
	inc %al
	out %al, $CMOS + 1
	mov %al, starts
	say "multiboot: start "
	movzbl starts, %eax
	call put_hex
	call put_newline
	mov 16(%ebp), %esi
	mov (%esi), %bl
	cmpb $1, starts
	ja power_off

	cmp $'o', %bl
	je power_off
	cmp $'r', %bl
	je reset_8042
	cmp $'R', %bl
	je reset_cf9
	cmp $'f', %bl
	je reset_92
	cmp $'t', %bl
	je triple
	cmp $'e', %bl
	je echo
	cmp $'s', %bl
	je spin
	cmp $'h', %bl
	je halt
	cmp $'p', %bl
	je print
	mov $0x15, %al
	jmp test_exit

power_off:
	mov $PM1_CNT, %dx
	mov $POWER_OFF, %ax
	out %ax, %dx
	hlt
reset_8042:
	mov $0xfe, %al
	out %al, $0x64
	jmp spin
reset_cf9:
	mov $0xcf9, %dx
	mov $2, %al
	out %al, %dx
	mov $6, %al
	out %al, %dx
	jmp spin
reset_92:
	in $0x92, %al
	or $1, %al
	out %al, $0x92
spin:
	cli
	pause
	jmp spin
halt:
	cli
	hlt
	jmp halt
triple:
	lidt no_idt
	ud2
echo:
	say "echo ready\n"
1:	mov $COM1 + 5, %dx
	in %dx, %al
	test $1, %al
	jz 1b
	mov $COM1, %dx
	in %dx, %al
	call put_char
	cmp $'q', %al
	jne 1b
	jmp power_off
print:
	say "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
	jmp print

	define_output

	.section .rodata
no_idt:	.word 0
	.long 0
	.bss
	.align 16
	.skip 4096
stack_top:
dirty:	.long 0
starts:	.byte 0
