/* SPDX-License-Identifier: MIT */
/*
 * Instructions that access memory at RDI, each from registers that are known
 * (ops_load), with all that they leave stored (ops_store). cross.c and faults.c
 * run them. Assembled for one CPU: the result's place is a global.
 *
 *	op NAME SIZE KIND [MASK [NEED [POINTER]]]
 *	...instructions that may not fault
 *	at NAME
 *	...the one
 *	end_op
 *
 * KIND: 1 reads, 2 writes (or both), +4 may do it in parts, +8 when
 * RSI, RBP or RBX are not what ops_load made them. MASK: the flags
 * that are defined. POINTER: the first 8 bytes of memory must be that.
 */
#define READ   1
#define WRITE  2
#define PARTS  4
#define OWN    8
#define ARITH  0x8d5 /* CF PF AF ZF SF OF */

	.macro op name:req, size:req, kind:req, mask=ARITH, need=0, pointer=0
	.pushsection .rodata.names, "a"
name_\name: .asciz "\name"
	.popsection
	.pushsection .rodata.ops, "a"
	.quad name_\name, op_\name, at_\name, \pointer
	.long \size, \kind, \mask, \need
	.popsection
	.section .text.ops, "ax"
	.balign 16
op_\name:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, op_stack
	call ops_load
	.endm

	.macro at name:req
at_\name:
	.endm

	.macro end_op
	jmp ops_store
	.endm

	/* One instruction. */
	.macro op1 name:req, size:req, kind:req, text:req, mask=ARITH, need=0, pointer=0
	op \name \size \kind \mask \need \pointer
	at \name
	\text
	end_op
	.endm

	.bss
	.balign 64
	.globl op_result, op_stack
op_result: .skip 208 + 64 /* registers, flags, XMM, and what the op stored */
op_stack: .quad 0
	.data
	.balign 64
	.globl op_registers, op_source
op_registers: /* RAX RCX RDX RBX - RBP RSI - R8... */
	.quad 0x1122334455667788, 8, 0x0ff1ce0123456789, 0xfedcba9876543210
	.quad 0, 0x7777000077770000, op_source, 0
	.quad 37, 0x0909090909090909, 0xa0a0a0a0a0a0a0a0, 0x0b0b0b0b0b0b0b0b
	.quad 0x1c1c1c1c1c1c1c1c, 0xd2d2d2d2d2d2d2d2, 0xe3e3e3e3e3e3e3e3
	.quad 0x4f4f4f4f4f4f4f4f
op_vectors:
	.quad 0x3ff8000000000000, 0x400921fb54442d18
	.quad 0x3f9d70a440490fdb, 0x0123456789abcdef
	.quad 0x8000000000000001, 0x5555aaaa5555aaaa
	.quad 0x00ff00ff00ff00ff, 0xff00ff00ff00ff00
	.balign 64
op_source:
	.set n, 0
	.rept 64
	.byte (n * 29 + 7) & 255
	.set n, n + 1
	.endr

	.section .text.ops, "ax"
	.balign 4096
	.globl ops_load
ops_load:
	movups op_vectors, %xmm0
	movups op_vectors + 16, %xmm1
	movups op_vectors + 32, %xmm2
	movups op_vectors + 48, %xmm3
	push $0x8d7
	popf
	mov op_registers, %rax
	mov op_registers + 8, %rcx
	mov op_registers + 16, %rdx
	mov op_registers + 24, %rbx
	mov op_registers + 40, %rbp
	mov op_registers + 48, %rsi
	mov op_registers + 64, %r8
	mov op_registers + 72, %r9
	mov op_registers + 80, %r10
	mov op_registers + 88, %r11
	mov op_registers + 96, %r12
	mov op_registers + 104, %r13
	mov op_registers + 112, %r14
	mov op_registers + 120, %r15
	ret

ops_store:
	mov %rax, op_result
	mov %rcx, op_result + 8
	mov %rdx, op_result + 16
	mov %rbx, op_result + 24
	mov %rsp, op_result + 32
	mov %rbp, op_result + 40
	mov %rsi, op_result + 48
	mov %rdi, op_result + 56
	mov %r8, op_result + 64
	mov %r9, op_result + 72
	mov %r10, op_result + 80
	mov %r11, op_result + 88
	mov %r12, op_result + 96
	mov %r13, op_result + 104
	mov %r14, op_result + 112
	mov %r15, op_result + 120
	mov op_stack, %rsp
	mov %rsp, op_result + 136
	pushf
	pop op_result + 128
	movups %xmm0, op_result + 144
	movups %xmm1, op_result + 160
	movups %xmm2, op_result + 176
	movups %xmm3, op_result + 192
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.section .rodata.ops, "a"
	.balign 8
	.globl ops
ops:

/* --- loads --- */
op1 load16 2 READ "mov (%rdi), %ax"
op1 load32 4 READ "mov (%rdi), %eax"
op1 load64 8 READ "mov (%rdi), %rax"
op1 movzx 2 READ "movzwl (%rdi), %edx"
op1 movsx 2 READ "movswq (%rdi), %rdx"
op1 movsxd 4 READ "movslq (%rdi), %rdx"
op1 cmov 8 READ "cmovnz (%rdi), %rbx"
op1 add_from 8 READ "add (%rdi), %rax"
op1 adc_from 4 READ "adc (%rdi), %eax"
op1 sbb_from 8 READ "sbb (%rdi), %r10"
op1 cmp_with 8 READ "cmp (%rdi), %r11"
op1 test_with 4 READ "test %edx, (%rdi)" 0x8c5
op1 xor_from 2 READ "xor (%rdi), %ax" 0x8c5
op1 imul_from 8 READ "imul (%rdi), %rax" 0x801
op1 mul_with 8 READ "mulq (%rdi)" 0x801
op1 popcnt 8 READ "popcnt (%rdi), %rax"
op1 bt_register 8 READ "bt %r8, (%rdi)" 1
op1 push_from 8 READ "pushq (%rdi)"
op1 movbe_load 8 READ "movbe (%rdi), %rax" ARITH 2
op lodsq 8 READ|OWN
	mov %rdi, %rsi
at lodsq
	lodsq
end_op
op1 scasq 8 READ "scasq"
op1 cmpsq 8 READ "cmpsq"
op movs_from 8 READ|OWN
	mov %rdi, %rsi
	mov $op_result + 208, %rdi
at movs_from
	movsq
end_op
op rep_movs_from 64 READ|PARTS
	mov %rdi, %rsi
	mov $op_result + 208, %rdi
at rep_movs_from
	rep movsq
end_op
op repe_cmps 8 READ|PARTS
	mov %rdi, %rsi
at repe_cmps
	repe cmpsb
end_op

/* --- stores --- */
op1 store16 2 WRITE "mov %ax, (%rdi)"
op1 store32 4 WRITE "mov %eax, (%rdi)"
op1 store64 8 WRITE "mov %rax, (%rdi)"
op1 store_immediate 8 WRITE "movq $-7, (%rdi)"
op pop_to 8 WRITE
	mov $op_source, %esp
at pop_to
	popq (%rdi)
end_op
op1 movnti 8 WRITE "movnti %rax, (%rdi)"
op1 movbe_store 8 WRITE "movbe %rax, (%rdi)" ARITH 2
op1 stosq 8 WRITE "stosq"
op1 movsq 8 WRITE "movsq"
op1 rep_movsq 64 WRITE|PARTS "rep movsq"
op1 rep_stosq 64 WRITE|PARTS "rep stosq"
op1 rep_movsb 8 WRITE|PARTS "rep movsb"
op1 sgdt 10 WRITE "sgdt (%rdi)"

/* --- both --- */
op1 add_to 8 WRITE "add %rax, (%rdi)"
op1 adc_to 4 WRITE "adc %eax, (%rdi)"
op1 sub_immediate 2 WRITE "subw $0x1234, (%rdi)"
op1 inc 8 WRITE "incq (%rdi)"
op1 neg 4 WRITE "negl (%rdi)"
op1 not 8 WRITE "notq (%rdi)"
op1 shl 8 WRITE "shlq $3, (%rdi)" 0xc5
op1 rcr 8 WRITE "rcrq $1, (%rdi)"
op1 shld 8 WRITE "shld $5, %rax, (%rdi)" 0xc5
op1 bts_register 8 WRITE "bts %r8, (%rdi)" 1
op1 xadd 8 WRITE "xadd %rax, (%rdi)"
op1 cmpxchg 8 WRITE "cmpxchg %rdx, (%rdi)"
op1 xchg 8 WRITE "xchg %rax, (%rdi)"
op1 lock_add 8 WRITE "lock add %rax, (%rdi)"
op1 lock_inc 4 WRITE "lock incl (%rdi)"
op1 lock_xadd 4 WRITE "lock xadd %eax, (%rdi)"
op1 lock_cmpxchg 8 WRITE "lock cmpxchg %rdx, (%rdi)"
op1 lock_cmpxchg8b 8 WRITE "lock cmpxchg8b (%rdi)"
op1 lock_bts 8 WRITE "lock bts %r8, (%rdi)" 1

/* --- the stack --- */
op push 8 WRITE
	lea 8(%rdi), %rsp
at push
	push %rax
end_op
op push_flags 8 WRITE
	lea 8(%rdi), %rsp
at push_flags
	pushf
end_op
op push_immediate 8 WRITE
	lea 8(%rdi), %rsp
at push_immediate
	push $0x12345678
end_op
op pop 8 READ
	mov %rdi, %rsp
at pop
	pop %rax
end_op
op leave 8 READ|OWN
	mov %rdi, %rbp
at leave
	leave
end_op
op call 8 WRITE
	lea 8(%rdi), %rsp
at call
	call 1f
	ud2
1:
end_op
op call_indirect 8 WRITE|OWN
	lea 8(%rdi), %rsp
	mov $1f, %ebx
at call_indirect
	call *%rbx
	ud2
1:
end_op
op ret 8 READ 0x8d5 0 1f
	mov %rdi, %rsp
at ret
	ret
	ud2
1:
end_op
op ret_immediate 8 READ 0x8d5 0 1f
	mov %rdi, %rsp
at ret_immediate
	ret $24
	ud2
1:
end_op
op jump_memory 8 READ 0x8d5 0 1f
at jump_memory
	jmp *(%rdi)
	ud2
1:
end_op
op call_memory 8 READ 0x8d5 0 1f
at call_memory
	call *(%rdi)
	ud2
1:
end_op
op enter 8 WRITE
	lea 8(%rdi), %rsp
at enter
	enter $0, $0
end_op

/* --- x87, SSE, AVX --- */
op fld80 10 READ
at fld80
	fldt (%rdi)
	fstpt op_result + 208
end_op
op fild 8 READ
at fild
	fildll (%rdi)
	fstpt op_result + 208
end_op
op fstp80 10 WRITE
	fldpi
at fstp80
	fstpt (%rdi)
end_op
op fistp 8 WRITE
	fldpi
at fistp
	fistpll (%rdi)
end_op
op1 fnstenv 28 WRITE|PARTS "fnstenv (%rdi)"
op1 fxsave 512 WRITE|PARTS "fxsave (%rdi)"
op1 movups_load 16 READ "movups (%rdi), %xmm1"
op1 movups_store 16 WRITE "movups %xmm1, (%rdi)"
op1 lddqu 16 READ "lddqu (%rdi), %xmm2"
op1 movhps 8 READ "movhps (%rdi), %xmm3"
op1 movlps_store 8 WRITE "movlps %xmm3, (%rdi)"
op1 addsd 8 READ "addsd (%rdi), %xmm0"
op1 mulss 4 READ "mulss (%rdi), %xmm1"
op1 cvtsi2sd 8 READ "cvtsi2sdq (%rdi), %xmm0"
op1 ucomisd 8 READ "ucomisd (%rdi), %xmm0" 0x45
op1 movd_load 4 READ "movd (%rdi), %xmm2"
op1 movq_store 8 WRITE "movq %xmm2, (%rdi)"
op1 vpaddd 32 READ "vpaddd (%rdi), %ymm0, %ymm1" ARITH 3
op1 vmovdqu_load 32 READ "vmovdqu (%rdi), %ymm2" ARITH 3
op1 vmovdqu_store 32 WRITE "vmovdqu %ymm3, (%rdi)" ARITH 3
op1 vbroadcast 16 READ "vbroadcastf128 (%rdi), %ymm0" ARITH 3
op1 vextract 16 WRITE "vextractf128 $0, %ymm0, (%rdi)" ARITH 3

	.section .rodata.ops, "a"
	.globl ops_end
ops_end:
	.section .note.GNU-stack, "", @progbits
