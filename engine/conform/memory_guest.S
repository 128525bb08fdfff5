/* SPDX-License-Identifier: MIT */
/* Guests of memory.c and state.c. */
#include "engine/conform/guest.inc"

	.code64

/* Reads (RBX), writes RCX there, reads again. */
guest mem_probe
	mov	(%rbx), %rax
	mov	%rax, GUEST_DATA
	mov	%rcx, (%rbx)
	mov	(%rbx), %rax
	mov	%rax, GUEST_DATA + 8
	done
end_guest mem_probe

/* Counts at (RBX) for ever, without an exit. */
guest mem_count
1:	incq	(%rbx)
	jmp	1b
end_guest mem_count

/* Ticks, reading (RBX) into RAX before each. */
guest mem_watch
1:	mov	(%rbx), %rax
	out	%al, $PORT_TICK
	jmp	1b
end_guest mem_watch

/* Stores one quad a page from RBX, RCX pages. */
guest mem_dirty
1:	mov	%rcx, (%rbx)
	add	$0x1000, %rbx
	dec	%rcx
	jnz	1b
	done
end_guest mem_dirty

guest mem_fetch
	jmp	*%rbx
end_guest mem_fetch

/* A linear congruential generator; R8 rounds, ticks every 16. */
guest mem_compute
	mov	$0x5851f42d4c957f2d, %r9
	mov	$0x14057b7ef767814f, %r10
	mov	$1, %rax
	xor	%r11, %r11
1:	imul	%r9, %rax
	add	%r10, %rax
	mov	%eax, %ebx
	and	$0xff8, %ebx
	xor	%rax, GUEST_DATA(%rbx)
	rol	$7, %rax
	push	%rax
	pop	%rdx
	adc	%rdx, %r11
	dec	%r8
	jz	2f
	test	$15, %r8b
	jnz	1b
	mov	%rax, %r12
	out	%al, $PORT_TICK
	mov	%r12, %rax
	jmp	1b
2:	done
end_guest mem_compute

