/* SPDX-License-Identifier: MIT */
/* Guests of eventfd.c. */
#include "engine/conform/guest.inc"

	.code16

guest fd_pio
	mov	$PORT_DEVICE, %dx
	mov	$0x1234, %eax
	out	%al, %dx
	out	%ax, %dx
	inc	%eax
	out	%ax, %dx
	out	%eax, %dx
	in	%dx, %ax
	done
end_guest fd_pio

	.code64

/* RBX is the device. */
guest fd_mmio
	mov	$0x1122334455667788, %rax
	mov	%al, (%rbx)
	mov	%ax, (%rbx)
	mov	%eax, (%rbx)
	inc	%rax
	mov	%rax, 8(%rbx)
	dec	%rax
	mov	%rax, 8(%rbx)
	done
end_guest fd_mmio
