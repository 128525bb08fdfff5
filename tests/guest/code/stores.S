/* SPDX-License-Identifier: MIT */
/*
 * Every kind of store and of way on from it, each right before the code that
 * it changes. In: DI where to store 32 bytes' head (the site, or elsewhere),
 * SI the bytes to store. The site is `mov $imm32, %eax; ret` and NOPs.
 *
 * `stores` has one entry for each: name, code, site, the bits of the immediate
 * that the store reaches, and what the CPU must have.
 */
#ifdef __x86_64__
#define AX %rax
#define CX %rcx
#define DX %rdx
#define SI %rsi
#define DI %rdi
#define SP %rsp
#define PTR .quad
#else
#define AX %eax
#define CX %ecx
#define DX %edx
#define SI %esi
#define DI %edi
#define SP %esp
#define PTR .long
#endif

	.macro store name:req, mask=0xffffffff, need=0
	.section .text.stores, "ax"
	.balign 64
store_\name:
	.pushsection .rodata.names, "a"
name_\name: .asciz "\name"
	.popsection
	.pushsection .rodata.stores, "a"
	PTR name_\name, store_\name, site_\name, \mask, \need
	.popsection
	.endm

	.macro site name:req
	.balign 32
site_\name:
	mov $0, %eax
	ret
	.fill 26, 1, 0x90
	.endm

	.section .rodata.stores, "a"
	.balign 8
	.globl stores
stores:
	.section .text.stores, "ax"
	.balign 4096
	.globl stores_code
stores_code:

store mov_byte 0xff
	mov 1(SI), %al
	mov %al, 1(DI)
site mov_byte

store mov_word 0xffff
	mov 1(SI), %ax
	mov %ax, 1(DI)
site mov_word

store mov_dword
	mov 1(SI), %eax
	mov %eax, 1(DI)
site mov_dword

store mov_immediate 0x55
	testb $1, 1(SI)
	jz 1f
	movl $0x55, 1(DI)
	jmp site_mov_immediate
1:	movl $0, 1(DI)
site mov_immediate

store later_in_the_block
	mov 1(SI), %eax
	mov %eax, 1(DI)
	xor %ecx, %ecx
	inc %ecx
	lea 3(CX), %edx
	add %edx, %ecx
	test %ecx, %ecx
	mov %ecx, %edx
site later_in_the_block

store two_stores
	mov (SI), %eax
	mov 4(SI), %ecx
	mov %eax, (DI)
	mov %ecx, 4(DI)
site two_stores

store and_or
	mov 1(SI), %eax
	andl $0, 1(DI)
	or %eax, 1(DI)
site and_or

store xor
	mov 1(SI), %eax
	xor 1(DI), %eax
	xor %eax, 1(DI)
site xor

store sub
	mov 1(DI), %eax
	sub 1(SI), %eax
	sub %eax, 1(DI)
site sub

store lock_add
	mov 1(SI), %eax
	sub 1(DI), %eax
	lock addl %eax, 1(DI)
site lock_add

store lock_xadd
	mov 1(SI), %eax
	sub 1(DI), %eax
	lock xaddl %eax, 1(DI)
site lock_xadd

store xchg
	mov 1(SI), %eax
	xchg %eax, 1(DI)
site xchg

store lock_cmpxchg
	mov 1(SI), %edx
	mov 1(DI), %eax
	lock cmpxchg %edx, 1(DI)
site lock_cmpxchg

store lock_cmpxchg8b
#ifdef __x86_64__
	push %rbx
	mov (%rdi), %eax
	mov 4(%rdi), %edx
	mov (%rsi), %ebx
	mov 4(%rsi), %ecx
	lock cmpxchg8b (%rdi)
	pop %rbx
#else
	push %ebx
	mov (%edi), %eax
	mov 4(%edi), %edx
	mov (%esi), %ebx
	mov 4(%esi), %ecx
	lock cmpxchg8b (%edi)
	pop %ebx
#endif
site lock_cmpxchg8b

store setcc 1
	testb $1, 1(SI)
	setnz 1(DI)
site setcc

store bts_btr 4
	testb $4, 1(SI)
	jz 1f
	btsl $10, (DI)
	jmp site_bts_btr
1:	lock btrl $10, (DI)
site bts_btr

store inc_dec 0x10000
	testb $1, 3(SI)
	jz 1f
	orb $1, 3(DI)
	jmp site_inc_dec
1:	movb $0xff, 3(DI)
	incb 3(DI)
site inc_dec

store shld
	mov (SI), %eax
	mov 4(SI), %ecx
	mov %ecx, 4(DI)
	shldl $16, %eax, (DI)
	shl $16, %eax
	shldl $16, %eax, (DI)
site shld

store push
	mov SP, DX
#ifdef __x86_64__
	lea 8(%rdi), %rsp
	pushq (%rsi)
#else
	lea 8(%edi), %esp
	pushl 4(%esi)
	pushl (%esi)
#endif
	mov DX, SP
site push

store pop
	mov SP, DX
	mov SI, SP
#ifdef __x86_64__
	popq (%rdi)
#else
	popl (%edi)
	popl 4(%edi)
#endif
	mov DX, SP
site pop

store stosd
	mov 1(SI), %eax
	inc DI
	stosl
site stosd

store movsb
	movsb
	movsb
	movsb
	movsb
	movsb
site movsb

store rep_movsb
	mov $16, %ecx
	rep movsb
site rep_movsb

store rep_movsd
	mov $8, %ecx
	rep movsl
site rep_movsd

store rep_movsb_down
	add $15, DI
	add $15, SI
	mov $16, %ecx
	std
	rep movsb
	cld
site rep_movsb_down

store rep_stosb 0x77777777
	mov 1(SI), %al
	inc DI
	mov $4, %ecx
	rep stosb
site rep_stosb

store movnti
	mov 1(SI), %eax
	movnti %eax, 1(DI)
	sfence
site movnti

store fistp
	fildll (SI)
	fistpll (DI)
site fistp

store movq_mmx
	movq (SI), %mm0
	movq %mm0, (DI)
	emms
site movq_mmx

store movd
	movd 1(SI), %xmm0
	movd %xmm0, 1(DI)
site movd

store movups
	movups (SI), %xmm1
	movups %xmm1, (DI)
site movups

store movdqa
	movups (SI), %xmm2
	movdqa %xmm2, (DI)
site movdqa

store movntdq
	movups (SI), %xmm3
	movntdq %xmm3, (DI)
	sfence
site movntdq

store maskmovdqu
	movups (SI), %xmm0
	pcmpeqd %xmm1, %xmm1
	maskmovdqu %xmm1, %xmm0
	sfence
site maskmovdqu

store indirect_jump
	mov 1(SI), %eax
	mov %eax, 1(DI)
	call 1f
1:	pop DX
	add $(site_indirect_jump - 1b), DX
	jmp *DX
site indirect_jump

store taken_branch
	mov 1(SI), %eax
	mov %eax, 1(DI)
	cmp %eax, %eax
	je site_taken_branch
	ud2
site taken_branch

store branch_not_taken
	mov 1(SI), %eax
	mov %eax, 1(DI)
	cmp %eax, %eax
	jne store_branch_not_taken
site branch_not_taken

/* The return address was predicted before its code changed. */
store in_the_callee
	jmp 2f
1:	mov 1(SI), %eax
	mov %eax, 1(DI)
	ret
	.balign 32
2:	.fill 27, 1, 0x90
	call 1b
site in_the_callee

store two_callees_deep
	jmp 3f
1:	mov 1(SI), %eax
	mov %eax, 1(DI)
	ret
2:	call 1b
	ret
	.balign 32
3:	.fill 27, 1, 0x90
	call 2b
site two_callees_deep

store return_trampoline
	mov 1(SI), %eax
	mov %eax, 1(DI)
	call 1f
1:	pop DX
	add $(site_return_trampoline - 1b), DX
	call 2f
1:	pause
	lfence
	jmp 1b
2:	mov DX, (SP)
	ret
site return_trampoline

store serialized
	mov 1(SI), %eax
	mov %eax, 1(DI)
#ifdef __x86_64__
	mov %rbx, %r8
#else
	push %ebx
#endif
	xor %eax, %eax
	cpuid
#ifdef __x86_64__
	mov %r8, %rbx
#else
	pop %ebx
#endif
site serialized

#ifdef __x86_64__
store mov_qword
	mov (%rsi), %rax
	mov %rax, (%rdi)
site mov_qword

store add_qword
	mov (%rsi), %rax
	sub (%rdi), %rax
	add %rax, (%rdi)
site add_qword

store mov_rip_relative
	mov 1(%rsi), %eax
	mov (%rdi), %cl
	mov %cl, 1f(%rip)
	cmpb $0xb8, 1f(%rip)
	mov %eax, 1(%rdi)
	jmp site_mov_rip_relative
1:	.byte 0
site mov_rip_relative

store stosq
	mov (%rsi), %rax
	stosq
site stosq

store rep_movsq
	mov $4, %ecx
	rep movsq
site rep_movsq

store iretq
	mov (%rsi), %rax
	mov %rax, (%rdi)
	mov %rsp, %rax
	mov %ss, %edx
	push %rdx
	push %rax
	pushf
	mov %cs, %edx
	push %rdx
	lea site_iretq(%rip), %rdx
	push %rdx
	iretq
site iretq

store far_return
	mov (%rsi), %rax
	mov %rax, (%rdi)
	mov %cs, %eax
	push %rax
	lea site_far_return(%rip), %rdx
	push %rdx
	lretq
site far_return

store lock_cmpxchg16b 0xffffffff, 1
	mov %rbx, %r8
	mov (%rdi), %rax
	mov 8(%rdi), %rdx
	mov (%rsi), %rbx
	mov 8(%rsi), %rcx
	lock cmpxchg16b (%rdi)
	mov %r8, %rbx
site lock_cmpxchg16b

store movbe 0xffffffff, 2
	mov 1(%rsi), %eax
	bswap %eax
	movbe %eax, 1(%rdi)
site movbe

store vmovdqu 0xffffffff, 3
	vmovdqu (%rsi), %ymm0
	vmovdqu %ymm0, (%rdi)
	vzeroupper
site vmovdqu
#endif

	.balign 4096
	.globl stores_code_end
stores_code_end:
	.section .rodata.stores, "a"
	.globl stores_end
stores_end:
	.section .note.GNU-stack, "", @progbits
