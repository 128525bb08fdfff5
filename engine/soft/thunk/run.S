/* SPDX-License-Identifier: MIT */
/*
 * The runners of struct fpu_host: operands into registers, one thunk, results
 * back. System V calling convention; every vector register is the caller's to
 * lose, the control bits of MXCSR and the x87 control word are not.
 */

#define HIGH 416 /* FPU_HIGH_OFFSET */
#define MXCSR_GUEST 0xe07f /* rounding, FTZ, DAZ, flags */
#define MXCSR_ALL_MASKED 0x1f80

/* struct vec_operands */
#define R(n) (32 * (n))(%rbx)
#define MM(n) (128 + 8 * (n))(%rbx)
#define GPR(n) (144 + 8 * (n))(%rbx)
#define RFLAGS 168(%rbx)
#define MXCSR 176(%rbx)
#define USE_AVX 1
#define USE_MMX 2

	.text
.macro function name
	.balign 16
	.globl \name
	.hidden \name
	.type \name, @function
\name:
	.cfi_startproc
.endm

.macro endfunction name
	.cfi_endproc
	.size \name, . - \name
.endm

/* Keeps the host's MXCSR at 8(%rsp) and loads the guest's, all masked. */
.macro mxcsr_enter guest
	sub $24, %rsp
	.cfi_adjust_cfa_offset 24
	stmxcsr 8(%rsp)
	mov \guest, %eax
	and $MXCSR_GUEST, %eax
	or $MXCSR_ALL_MASKED, %eax
	mov %eax, 12(%rsp)
	ldmxcsr 12(%rsp)
.endm

/*
 * %eax: the flags now set; %r9d becomes those that are unmasked. The host gets
 * its control bits back, and keeps the guest's flags: an LDMXCSR that changes
 * flags makes the next reader wait 80 ns on current Intel parts, and so flags
 * change hands only when they must. Nothing reads the host's flags before
 * thunk_mxcsr_restore().
 */
.macro mxcsr_leave guest
	stmxcsr 16(%rsp)
	mov 16(%rsp), %eax
	mov 8(%rsp), %r9d
	and $0x3f, %eax
	and $~0x3f, %r9d
	or %eax, %r9d
	mov %r9d, 20(%rsp)
	ldmxcsr 20(%rsp)
	mov \guest, %r9d
	shr $7, %r9d
	not %r9d
	add $24, %rsp
	.cfi_adjust_cfa_offset -24
	and %eax, %r9d
.endm

/* void thunk_sse(thunk, reg, rm) */
function thunk_sse
	movups (%rsi), %xmm0
	movups (%rdx), %xmm1
	call *%rdi
	movups %xmm0, (%rsi)
	ret
endfunction thunk_sse

/* u32 thunk_sse_fp(thunk, reg, rm, mxcsr) */
function thunk_sse_fp
	mxcsr_enter %ecx
	movups (%rsi), %xmm0
	movups (%rdx), %xmm1
	call *%rdi
	mxcsr_leave %ecx
	jnz 1f
	movups %xmm0, (%rsi)
1:	ret
endfunction thunk_sse_fp

.macro vex128_store
	vmovups %xmm0, (%rsi)
	vpxor %xmm0, %xmm0, %xmm0
	vmovups %xmm0, HIGH(%rsi)
.endm

.macro vex256_load
	vmovups (%rsi), %xmm0
	vinsertf128 $1, HIGH(%rsi), %ymm0, %ymm0
	vmovups (%rdx), %xmm1
	vinsertf128 $1, HIGH(%rdx), %ymm1, %ymm1
	vmovups (%rcx), %xmm2
	vinsertf128 $1, HIGH(%rcx), %ymm2, %ymm2
.endm

.macro vex256_store
	vmovups %xmm0, (%rsi)
	vextractf128 $1, %ymm0, HIGH(%rsi)
.endm

/* void thunk_vex128(thunk, reg, rm, vvvv) */
function thunk_vex128
	vmovups (%rsi), %xmm0
	vmovups (%rdx), %xmm1
	vmovups (%rcx), %xmm2
	call *%rdi
	vex128_store
	ret
endfunction thunk_vex128

/* u32 thunk_vex128_fp(thunk, reg, rm, vvvv, mxcsr) */
function thunk_vex128_fp
	mxcsr_enter %r8d
	vmovups (%rsi), %xmm0
	vmovups (%rdx), %xmm1
	vmovups (%rcx), %xmm2
	call *%rdi
	mxcsr_leave %r8d
	jnz 1f
	vex128_store
1:	ret
endfunction thunk_vex128_fp

/* void thunk_vex256(thunk, reg, rm, vvvv) */
function thunk_vex256
	vex256_load
	call *%rdi
	vex256_store
	vzeroupper
	ret
endfunction thunk_vex256

/* u32 thunk_vex256_fp(thunk, reg, rm, vvvv, mxcsr) */
function thunk_vex256_fp
	mxcsr_enter %r8d
	vex256_load
	call *%rdi
	mxcsr_leave %r8d
	jnz 1f
	vex256_store
1:	vzeroupper
	ret
endfunction thunk_vex256_fp

/* void thunk_mmx(thunk, reg, rm) */
function thunk_mmx
	movq (%rsi), %mm0
	movq (%rdx), %mm1
	call *%rdi
	movq %mm0, (%rsi)
	emms
	ret
endfunction thunk_mmx

/* void thunk_any(thunk, operands, use) */
function thunk_any
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	mov %rsi, %rbx
	mov %edx, %r8d
	mxcsr_enter MXCSR
	test $USE_MMX, %r8d
	jz 1f
	movq MM(0), %mm0
	movq MM(1), %mm1
1:	test $USE_AVX, %r8d
	jnz 2f
	movups R(0), %xmm0
	movups R(1), %xmm1
	movups R(2), %xmm2
	movups R(3), %xmm3
	jmp 3f
2:	vmovups R(0), %ymm0
	vmovups R(1), %ymm1
	vmovups R(2), %ymm2
	vmovups R(3), %ymm3
3:	mov GPR(0), %rax
	mov GPR(1), %rcx
	mov GPR(2), %rdx
	call *%rdi
	pushfq
	.cfi_adjust_cfa_offset 8
	pop RFLAGS
	.cfi_adjust_cfa_offset -8
	mov %rax, GPR(0)
	mov %rcx, GPR(1)
	mov %rdx, GPR(2)
	test $USE_AVX, %r8d
	jnz 4f
	movups %xmm0, R(0)
	movups %xmm1, R(1)
	movups %xmm2, R(2)
	jmp 5f
4:	vmovups %ymm0, R(0)
	vmovups %ymm1, R(1)
	vmovups %ymm2, R(2)
	vzeroupper
5:	test $USE_MMX, %r8d
	jz 6f
	movq %mm0, MM(0)
	movq %mm1, MM(1)
	emms
6:	mxcsr_leave MXCSR
	mov %eax, MXCSR
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
endfunction thunk_any

/*
 * u64 thunk_x87(fxsave, opcode, modrm, memory, rflags)
 *
 * FXSAVE and FNINIT do not wait: an exception the guest left unmasked stays in
 * the image and is never the host's. The host's status flags come back by
 * FLDENV, only when it had any.
 */
function thunk_x87
	sub $56, %rsp
	.cfi_adjust_cfa_offset 56
	stmxcsr 8(%rsp)
	fnstcw 12(%rsp)
	fnstsw 14(%rsp)
	testb $0x3f, 14(%rsp)
	jz 1f
	fnstenv 24(%rsp)
1:	and $7, %esi
	and $0xff, %edx
	cmp $0xc0, %edx
	jb 2f
	and $0x3f, %edx
	shl $6, %esi
	add %esi, %edx
	lea x87_registers(%rip), %rax
	jmp 3f
2:	shr $3, %edx
	and $7, %edx
	lea (%rdx, %rsi, 8), %edx
	lea x87_memory(%rip), %rax
3:	lea (%rax, %rdx, 4), %rax
	mov %rdi, %r9
	mov %rcx, %rdi
	fxrstor64 (%r9)
	and $0x8d5, %r8d
	push %r8
	.cfi_adjust_cfa_offset 8
	popfq
	.cfi_adjust_cfa_offset -8
	call *%rax
	pushfq
	.cfi_adjust_cfa_offset 8
	pop %rax
	.cfi_adjust_cfa_offset -8
	fxsave64 (%r9)
	fninit
	ldmxcsr 8(%rsp)
	testb $0x3f, 14(%rsp)
	jnz 4f
	fldcw 12(%rsp)
	jmp 5f
4:	fldenv 24(%rsp)
5:	and $0x8d5, %eax
	add $56, %rsp
	.cfi_adjust_cfa_offset -56
	ret
endfunction thunk_x87

/* u32 thunk_mxcsr_save(void) */
function thunk_mxcsr_save
	stmxcsr -4(%rsp)
	mov -4(%rsp), %eax
	ret
endfunction thunk_mxcsr_save

/* void thunk_mxcsr_restore(u32) */
function thunk_mxcsr_restore
	mov %edi, -4(%rsp)
	ldmxcsr -4(%rsp)
	ret
endfunction thunk_mxcsr_restore

	.section .note.GNU-stack, "", @progbits
