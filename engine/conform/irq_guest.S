/* SPDX-License-Identifier: MIT */
/* Guests of irqchip.c, split.c, inject.c and eventfd.c. */
#include "engine/conform/guest.inc"

#define APIC 0xfee00000
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_ICR 0x300
#define APIC_ICR2 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_TIMER_COUNT 0x380
#define APIC_TIMER_DIVIDE 0x3e0

	.code64

/* RBX is the APIC throughout. */
.macro apic_on
	mov	$APIC, %ebx
	movl	$0x1ff, APIC_SVR(%rbx)
.endm

/* Says its vector, ends the interrupt. */
.macro handler name, vector
label \name
	push	%rax
	say	\vector
	movl	$0, APIC_EOI(%rbx)
	pop	%rax
	iretq
.endm

/* Ticks with interrupts on. */
guest irq_ticks
	apic_on
	sti
1:	out	%al, $PORT_TICK
	jmp	1b
handler irq_handler_30, 0x30
handler irq_handler_31, 0x31
handler irq_handler_40, 0x40
/* Ends without EOI. */
label irq_handler_no_eoi
	push	%rax
	say	0x50
	pop	%rax
	iretq
end_guest irq_ticks

/* Sleeps with interrupts on; the handler wakes it. */
guest irq_halts
	apic_on
	sti
	say	1
	hlt
	say	2
	done
handler irq_halts_30, 0x30
end_guest irq_halts

/* The APIC timer, once. */
guest irq_timer
	apic_on
	movl	$0x30, APIC_LVT_TIMER(%rbx)
	movl	$0xb, APIC_TIMER_DIVIDE(%rbx)
	movl	$1000000, APIC_TIMER_COUNT(%rbx)
	sti
1:	out	%al, $PORT_TICK
	jmp	1b
handler irq_timer_30, 0x30
end_guest irq_timer

/* An interrupt to itself while TPR holds it back. */
guest irq_tpr
	apic_on
	mov	$5, %eax
	mov	%rax, %cr8
	movl	$0, APIC_ICR2(%rbx)
	movl	$0x40, APIC_ICR(%rbx)
	sti
	say	1
	xor	%eax, %eax
	mov	%rax, %cr8
	out	%al, $PORT_TICK
	out	%al, $PORT_TICK
	say	2
	done
handler irq_tpr_40, 0x40
end_guest irq_tpr

/*
 * No APIC in these. IF is off until the test has had its say; STI holds for one
 * instruction, MOV SS for another.
 */
guest irq_shadow_sti
	out	%al, $PORT_TICK
	sti
	out	%al, $PORT_SHADOW
	say	1
	done
label irq_shadow_sti_30
	say	0x30
	done
end_guest irq_shadow_sti

guest irq_shadow_ss
	mov	%ss, %ecx
	out	%al, $PORT_TICK
	sti
	mov	%ecx, %ss
	out	%al, $PORT_SHADOW
	say	1
	done
label irq_shadow_ss_30
	say	0x30
	done
end_guest irq_shadow_ss

guest irq_window
	out	%al, $PORT_TICK
	out	%al, $PORT_TICK
	sti
1:	cmpb	$0, GUEST_DATA
	je	1b
	out	%al, $PORT_TICK
	cli
	out	%al, $PORT_TICK
	done
label irq_window_30
	say	0x30
	movb	$1, GUEST_DATA
	iretq
end_guest irq_window

guest irq_cr8
	mov	%cr8, %rax
	out	%al, $PORT_SAY
	mov	$3, %eax
	mov	%rax, %cr8
	out	%al, $PORT_TICK
	done
end_guest irq_cr8

guest irq_hlt
	hlt
	say	1
	hlt
	done
end_guest irq_hlt

/* NMI: a second one waits for IRET. Ends when the test's number was counted. */
guest irq_nmi
	out	%al, $PORT_TICK
1:	mov	GUEST_DATA, %cl
	cmp	%cl, GUEST_DATA + 1
	jne	1b
	say	1
	done
label irq_nmi_handler
	say	2
	out	%al, $PORT_TICK
	say	3
	incb	GUEST_DATA + 1
	iretq
end_guest irq_nmi

	.code16

/* The two 8259s, as a PC sets them up: vectors 20H and 28H. */
guest irq_pic
	mov	$0x11, %al
	out	%al, $0x20
	out	%al, $0xa0
	mov	$0x20, %al
	out	%al, $0x21
	mov	$0x28, %al
	out	%al, $0xa1
	mov	$0x04, %al
	out	%al, $0x21
	mov	$0x02, %al
	out	%al, $0xa1
	mov	$0x01, %al
	out	%al, $0x21
	out	%al, $0xa1
	xor	%al, %al
	out	%al, $0x21
	out	%al, $0xa1
	sti
1:	out	%al, $PORT_TICK
	jmp	1b
label irq_pic_24
	say	0x24
	mov	$0x20, %al
	out	%al, $0x20
	iret
label irq_pic_2b
	say	0x2b
	mov	$0x20, %al
	out	%al, $0xa0
	out	%al, $0x20
	iret
end_guest irq_pic

/* KVM_INTERRUPT in real mode. */
guest irq_real
	sti
1:	out	%al, $PORT_TICK
	jmp	1b
label irq_real_60
	say	0x60
	iret
end_guest irq_real
