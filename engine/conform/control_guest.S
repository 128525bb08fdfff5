/* SPDX-License-Identifier: MIT */
/* Guests of control.c. */
#include "engine/conform/guest.inc"

#define APIC 0xfee00000
#define APIC_SVR 0xf0
#define APIC_ICR 0x300
#define APIC_ICR2 0x310

	.code64

guest ctl_spin_off
	cli
1:	jmp	1b
end_guest ctl_spin_off

guest ctl_ticks
1:	out	%al, $PORT_TICK
	jmp	1b
end_guest ctl_ticks

/* INIT and SIPI to APIC ID 1, vector 9: real mode at 9000H. */
guest ctl_wake
	mov	$APIC, %ebx
	movl	$0x1ff, APIC_SVR(%rbx)
	movl	$1 << 24, APIC_ICR2(%rbx)
	movl	$0x4500, APIC_ICR(%rbx)
	movl	$1 << 24, APIC_ICR2(%rbx)
	movl	$0x4609, APIC_ICR(%rbx)
	say	1
	done
end_guest ctl_wake

guest ctl_steps
	mov	$1, %eax
	add	$2, %eax
	mov	%eax, %ebx
	nop
	inc	%ebx
	done
end_guest ctl_steps

guest ctl_store
	nop
	mov	%al, GUEST_DATA
	nop
	done
end_guest ctl_store

guest ctl_int3
	nop
	int3
	nop
	done
	.globl ctl_int3_handler
ctl_int3_handler:
	say	3
	iretq
end_guest ctl_int3

/* Interrupts are let in before the tick. */
guest ctl_open
	mov	$APIC, %ebx
	movl	$0x1ff, APIC_SVR(%rbx)
	sti
	out	%al, $PORT_TICK
	.globl ctl_open_here
ctl_open_here:
	nop
	nop
	done
	.globl ctl_open_30
ctl_open_30:
	say	0x30
	done
end_guest ctl_open

guest ctl_rdmsr
	rdmsr
	mov	%rax, GUEST_DATA
	mov	%rdx, GUEST_DATA + 8
	done
label ctl_rdmsr_gp
	say	13
	done
end_guest ctl_rdmsr

guest ctl_wrmsr
	mov	$0x55667788, %eax
	mov	$0x11223344, %edx
	wrmsr
	done
label ctl_wrmsr_gp
	say	13
	done
end_guest ctl_wrmsr

/* KVM_HC_MAP_GPA_RANGE(2000H, one page, encrypted). */
guest ctl_hypercall
	mov	$12, %eax
	mov	$0x2000, %ebx
	mov	$1, %ecx
	mov	$0x10, %edx
	vmcall
	mov	%rax, GUEST_DATA
	done
end_guest ctl_hypercall

guest ctl_triple
	lidt	1f(%rip)
	ud2
1:	.word	0
	.quad	0
end_guest ctl_triple

	.code32

/* 32-bit protected mode without paging. */
guest ctl_flat
	mov	%cr0, %eax
	mov	%eax, GUEST_DATA
	mov	%cs, GUEST_DATA + 4
	push	$0x1234
	pop	GUEST_DATA + 8
	movb	$0x77, GUEST_MMIO_FAR
	done
end_guest ctl_flat

	.code16

guest ctl_ap
	mov	%cs, %ax
	mov	%ax, %ds
	mov	%al, 0x100
	mov	%ah, 0x101
	out	%al, $PORT_DONE
	hlt
end_guest ctl_ap
