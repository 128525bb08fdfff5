/* SPDX-License-Identifier: MIT */
/* Guests of code.c: they make code hot and count what it answers wrong. */
#include "engine/conform/guest.inc"

#define HOT 400

	.code64

/*
 * Calls (RBX) HOT times a tick; each answer in EAX must be what is at
 * GUEST_DATA. R12 counts those that are not.
 */
.macro calls
1:	mov	GUEST_DATA, %r10d
	mov	$HOT, %r9d
2:	call	*%rbx
	cmp	%r10d, %eax
	je	3f
	inc	%r12
3:	dec	%r9d
	jnz	2b
	out	%al, $PORT_TICK
.endm

/* What a guest does between: nothing of its own. */
guest code_calls
	calls
	jmp	1b
end_guest code_calls

guest code_calls_invlpg
	calls
	invlpg	(%rbx)
	jmp	1b
end_guest code_calls_invlpg

guest code_calls_cr3
	calls
	mov	%cr3, %rax
	mov	%rax, %cr3
	jmp	1b
end_guest code_calls_cr3

guest code_calls_iret
	calls
	mov	%rsp, %rdx
	push	$SELECTOR_DATA
	push	%rdx
	pushf
	push	$SELECTOR_CODE64
	lea	1b(%rip), %rax
	push	%rax
	iretq
end_guest code_calls_iret

guest code_calls_far
	calls
	push	$SELECTOR_CODE64
	lea	1b(%rip), %rax
	push	%rax
	lretq
end_guest code_calls_far

guest code_calls_cpuid
	calls
	mov	%rbx, %r14
	xor	%eax, %eax
	cpuid
	mov	%r14, %rbx
	jmp	1b
end_guest code_calls_cpuid

/*
 * (RBX) and (RCX) are the same code, `mov $imm32, %eax; ret`; R8 rounds. The
 * immediate changes through one and through the other. Says 0 when right.
 */
.macro answers register
	call	*\register
	cmp	%r10d, %eax
	jne	9f
.endm

guest code_alias
	xor	%r10d, %r10d
1:	mov	$HOT, %r9d
2:	answers	%rbx
	answers	%rcx
	dec	%r9d
	jnz	2b
	inc	%r10d
	mov	%r10d, 1(%rcx)
	answers	%rbx
	answers	%rcx
	inc	%r10d
	mov	%r10d, 1(%rbx)
	answers	%rcx
	answers	%rbx
	dec	%r8
	jnz	1b
	say	0
	done
9:	say	1
	done
end_guest code_alias

/*
 * (RBX): mov %esi, (%rdi); mov $imm32, %eax; ret. RCX is the immediate by its
 * other address, RDX some other place. R8 rounds. Says 0 when right.
 */
guest code_over_itself
	xor	%r10d, %r10d
1:	mov	$HOT, %r9d
	mov	%rdx, %rdi
2:	mov	%r9d, %esi
	answers	%rbx
	dec	%r9d
	jnz	2b
	mov	%rcx, %rdi
	mov	$HOT, %r9d
3:	inc	%r10d
	mov	%r10d, %esi
	answers	%rbx
	dec	%r9d
	jnz	3b
	dec	%r8
	jnz	1b
	say	0
	done
9:	say	1
	done
end_guest code_over_itself

/*
 * Waits for a new number at GUEST_DATA, serializes, calls (RBX) 100 times
 * against the answer at GUEST_DATA + 16, stores R12 at + 24, the number at + 8.
 */
guest code_on_demand
1:	pause
	mov	GUEST_DATA, %r8
	cmp	GUEST_DATA + 8, %r8
	je	1b
	mov	%rbx, %r14
	xor	%eax, %eax
	cpuid
	mov	%r14, %rbx
	mov	GUEST_DATA + 16, %r10d
	mov	$100, %r9d
2:	call	*%rbx
	cmp	%r10d, %eax
	je	3f
	inc	%r12
3:	dec	%r9d
	jnz	2b
	mov	%r12, GUEST_DATA + 24
	mov	%r8, GUEST_DATA + 8
	jmp	1b
end_guest code_on_demand

/* The same in the handler of an interrupt; between them it runs (RBX) too. */
guest code_by_interrupt
	mov	$0xfee00000, %r15
	movl	$0x1ff, 0xf0(%r15)
	out	%al, $PORT_TICK
	sti
1:	call	*%rbx
	jmp	1b
label code_by_interrupt_30
	push	%rax
	mov	GUEST_DATA + 16, %r10d
	mov	$100, %r9d
2:	call	*%rbx
	cmp	%r10d, %eax
	je	3f
	inc	%r12
3:	dec	%r9d
	jnz	2b
	mov	%r12, GUEST_DATA + 24
	incq	GUEST_DATA + 8
	movl	$0, 0xb0(%r15)
	pop	%rax
	iretq
end_guest code_by_interrupt

/*
 * RDI rounds; each of the others is incremented once a round, one after the
 * other: a client that stops it can tell by RIP what each must be.
 */
guest code_counts
	out	%al, $PORT_TICK
	xor	%eax, %eax
label code_counts_loop
	inc	%rax
	inc	%rbx
	inc	%rcx
	inc	%rdx
	inc	%rsi
	inc	%rbp
	inc	%r8
	inc	%r9
	inc	%r10
	inc	%r11
	inc	%r12
	inc	%r13
	inc	%r14
	inc	%r15
	dec	%rdi
	jnz	code_counts_loop
label code_counts_last
	done
end_guest code_counts

/* Stores R8 times to (RBX), ticks; again. R12 is what is stored. */
guest code_stores
1:	mov	%r8, %r9
2:	inc	%r12
	mov	%r12, (%rbx)
	dec	%r9
	jnz	2b
	out	%al, $PORT_TICK
	jmp	1b
end_guest code_stores

/* Adds (RBX) R8 times into R12; the page may be memory or a device. */
guest code_loads
1:	mov	%r8, %r9
2:	mov	$0x55, %ecx
	cmp	$0x55, %cl
label code_loads_load
	mov	(%rbx), %rax
	adc	$0, %rax
	add	%rax, %r12
	dec	%r9
	jnz	2b
	out	%al, $PORT_TICK
	jmp	1b
end_guest code_loads

/*
 * Real mode, at 0:GUEST_CODE. CX rounds: the loop's immediate counts up and is
 * added to EDX; the loop runs as 0:8xxx and as 800:xxx by turns.
 */
	.code16
guest code_real
	xor	%edx, %edx
	mov	$2000, %cx
1:	mov	$0, %ax
	movzwl	%ax, %eax
	add	%eax, %edx
	call	9f
9:	pop	%bx
	incw	%cs:(1b + 1 - 9b)(%bx)
	/* the other CS:IP of the same bytes */
	mov	%cs, %ax
	xor	$GUEST_CODE / 16, %ax
	push	%ax
	sub	$(9b - 2f), %bx
	cmp	$0, %ax
	je	3f
	sub	$GUEST_CODE, %bx
	jmp	4f
3:	add	$GUEST_CODE, %bx
4:	push	%bx
	lret
2:	dec	%cx
	jnz	1b
	mov	%edx, %esi
	say	0
	done
end_guest code_real

	.code64
/*
 * Litmus tests against a thread of the host: batches of 512 instances, cells of
 * x at RSI, of y at RDI, 64 bytes apart, loaded values from RBX on. Waits for a
 * new number at GUEST_DATA, answers at + 8.
 */
.macro order name:req
guest code_order_\name
1:	pause
	mov	GUEST_DATA, %r8
	cmp	GUEST_DATA + 8, %r8
	je	1b
	xor	%ecx, %ecx
2:	mov	%ecx, %edx
	shl	$6, %edx
	order_\name
	mov	%eax, (%rbx, %rcx, 8)
	mov	%ebp, 4(%rbx, %rcx, 8)
	inc	%ecx
	cmp	$512, %ecx
	jne	2b
	mov	%r8, GUEST_DATA + 8
	jmp	1b
end_guest code_order_\name
.endm

.macro order_sb
	movl	$1, (%rsi, %rdx)
	mfence
	mov	(%rdi, %rdx), %eax
.endm
.macro order_sb_lock
	movl	$1, (%rsi, %rdx)
	lock orl $0, (%rsp)
	mov	(%rdi, %rdx), %eax
.endm
.macro order_mp_write
	movl	$1, (%rsi, %rdx)
	movl	$1, (%rdi, %rdx)
.endm
.macro order_mp_read
	mov	(%rdi, %rdx), %eax
	mov	(%rsi, %rdx), %ebp
.endm
.macro order_lb
	mov	(%rdi, %rdx), %eax
	movl	$1, (%rsi, %rdx)
.endm
order sb
order sb_lock
order mp_write
order mp_read
order lb

/* RCX times `lock incq` of (RSI), then done. */
guest code_locked
1:	lock incq (%rsi)
	mov	$1, %eax
	lock xaddl %eax, 8(%rsi)
	dec	%rcx
	jnz	1b
	done
end_guest code_locked
