/* SPDX-License-Identifier: MIT */
/* Entry of all 256 vectors, catching, and going to any level by IRET. */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17))
	push $0
	.endif
	push $vector
	jmp trap_common
	vector = vector + 1
	.endr

trap_common:
	cld
	pusha
	push %ds
	push %es
	push %fs
	push %gs
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %esp, %ebp
	push %esp
	call trap_entry
	mov %ebp, %esp
	pop %gs
	pop %fs
	pop %es
	pop %ds
	popa
	add $8, %esp
	iret

/* word catch_enter(word *save, void *fn, word a, word b) */
	.globl catch_enter, catch_leave
catch_enter:
	push %ebp
	push %ebx
	push %esi
	push %edi
	pushf
	mov 24(%esp), %eax
	mov %esp, (%eax)
	push 36(%esp)
	push 36(%esp)
	call *36(%esp)
	add $8, %esp
catch_out:
	popf
	pop %edi
	pop %esi
	pop %ebx
	pop %ebp
	ret
/* From any handler's stack: SS is the kernel's one there, too. */
catch_leave:
	mov 4(%esp), %edx
	mov $0x18, %eax
	mov %eax, %ss
	mov %edx, %esp
	xor %eax, %eax
	jmp catch_out

/* enter_frame(ip, cs, flags, sp, ss, a, b); a and b in EAX and EDX */
	.globl enter_frame
enter_frame:
	mov %esp, %ecx
	mov $0x2b, %eax
	mov 8(%ecx), %edx
	and $3, %edx
	cmp $3, %edx
	jne 1f
	mov %eax, %ds
	mov %eax, %es
1:
	push 20(%ecx)
	push 16(%ecx)
	push 12(%ecx)
	push 8(%ecx)
	push 4(%ecx)
	mov 24(%ecx), %eax
	mov 28(%ecx), %edx
	iret
