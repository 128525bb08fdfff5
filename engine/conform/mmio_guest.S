/* SPDX-License-Identifier: MIT */
/* Guests of mmio.c. RBX is the device's address, RSI and RDI as the test says. */
#include "engine/conform/guest.inc"

	.code64

guest mmio_reads
	mov	$-1, %rax
	mov	(%rbx), %al
	mov	%rax, GUEST_DATA
	mov	$-1, %rax
	mov	2(%rbx), %ax
	mov	%rax, GUEST_DATA + 8
	mov	$-1, %rax
	mov	4(%rbx), %eax
	mov	%rax, GUEST_DATA + 16
	mov	8(%rbx), %rax
	mov	%rax, GUEST_DATA + 24
	movzbl	16(%rbx), %eax
	mov	%rax, GUEST_DATA + 32
	movswq	18(%rbx), %rax
	mov	%rax, GUEST_DATA + 40
	done
end_guest mmio_reads

guest mmio_writes
	mov	$0x1122334455667788, %rax
	mov	%al, (%rbx)
	mov	%ax, 2(%rbx)
	mov	%eax, 4(%rbx)
	mov	%rax, 8(%rbx)
	movl	$0x01020304, 16(%rbx)
	movq	$-2, 24(%rbx)
	done
end_guest mmio_writes

guest mmio_read8
	mov	(%rbx), %rax
	mov	%rax, GUEST_DATA
	done
end_guest mmio_read8

guest mmio_write8
	mov	$0x1122334455667788, %rax
	mov	%rax, (%rbx)
	done
end_guest mmio_write8

guest mmio_movups_read
	movups	(%rbx), %xmm0
	movups	%xmm0, GUEST_DATA
	done
end_guest mmio_movups_read

guest mmio_movups_write
	movups	GUEST_DATA, %xmm0
	movups	%xmm0, (%rbx)
	done
end_guest mmio_movups_write

guest mmio_add
	mov	$5, %eax
	add	%eax, (%rbx)
	done
end_guest mmio_add

guest mmio_lock_inc
	lock incl (%rbx)
	done
end_guest mmio_lock_inc

guest mmio_add_load
	mov	$5, %eax
	add	(%rbx), %eax
	mov	%eax, GUEST_DATA
	done
end_guest mmio_add_load

guest mmio_xchg
	mov	$0x12345678, %eax
	xchg	%eax, (%rbx)
	mov	%eax, GUEST_DATA
	done
end_guest mmio_xchg

guest mmio_cmpxchg
	mov	$7, %eax
	mov	$9, %ecx
	lock cmpxchg %ecx, (%rbx)
	pushf
	pop	%rdx
	mov	%rdx, GUEST_DATA
	mov	%eax, GUEST_DATA + 8
	done
end_guest mmio_cmpxchg

guest mmio_push_pop
	pushq	(%rbx)
	popq	8(%rbx)
	done
end_guest mmio_push_pop

guest mmio_stack
	lea	64(%rbx), %rsp
	push	$0x55
	pop	%rax
	mov	$GUEST_STACK, %esp
	mov	%rax, GUEST_DATA
	done
end_guest mmio_stack

guest mmio_call
	call	*(%rbx)
label mmio_call_back
	done
label mmio_call_target
	say	1
	ret
end_guest mmio_call

guest mmio_movsl
	movsl
	done
end_guest mmio_movsl

guest mmio_rep_movsl
	rep movsl
	done
end_guest mmio_rep_movsl

guest mmio_rep_stosw
	rep stosw
	done
end_guest mmio_rep_stosw

guest mmio_lodsb
	xor	%eax, %eax
	lodsb
	mov	%rax, GUEST_DATA
	done
end_guest mmio_lodsb

guest mmio_cmpsb
	cmpsb
	done
end_guest mmio_cmpsb

guest mmio_repe_scasb
	repe scasb
	done
end_guest mmio_repe_scasb

guest mmio_outsb
	mov	$PORT_DEVICE, %dx
	outsb
	done
end_guest mmio_outsb

guest mmio_insb
	mov	$PORT_DEVICE, %dx
	insb
	done
end_guest mmio_insb

guest mmio_rep_movs_fault
	rep movsl
	done
label mmio_rep_movs_fault_14
	say	14
	done
end_guest mmio_rep_movs_fault

	.code16

/* DS base is in real mode at most 1 MiB: the test makes a hole there. */
guest mmio_real
	mov	$0xb800, %ax
	mov	%ax, %ds
	mov	$0x41, %al
	mov	%al, 2
	mov	2, %ah
	out	%al, $PORT_DONE
	hlt
end_guest mmio_real
