/* SPDX-License-Identifier: MIT */
/* Guests of pio.c. */
#include "engine/conform/guest.inc"

	.code16

guest pio_sizes
	mov	$PORT_DEVICE, %dx
	mov	$0x11223344, %eax
	out	%al, %dx
	out	%ax, %dx
	out	%eax, %dx
	xor	%eax, %eax
	in	%dx, %al
	mov	%eax, GUEST_CODE - 0x100
	in	%dx, %ax
	mov	%eax, GUEST_CODE - 0xfc
	in	%dx, %eax
	mov	%eax, GUEST_CODE - 0xf8
	done
end_guest pio_sizes

guest pio_one_in
	mov	$PORT_DEVICE, %dx
	mov	$0x55, %al
	in	%dx, %al
	mov	%al, %bl
	done
end_guest pio_one_in

/* ES:DI, DS:SI, ECX and DF come from the test. */
guest pio_rep_insb
	mov	$PORT_DEVICE, %dx
	rep insb
	done
end_guest pio_rep_insb

guest pio_rep_insw
	mov	$PORT_DEVICE, %dx
	rep insw
	done
end_guest pio_rep_insw

guest pio_rep_insl
	mov	$PORT_DEVICE, %dx
	rep insl
	done
end_guest pio_rep_insl

guest pio_rep_outsb
	mov	$PORT_DEVICE, %dx
	rep outsb
	done
end_guest pio_rep_outsb

guest pio_rep_outsl
	mov	$PORT_DEVICE, %dx
	rep outsl
	done
end_guest pio_rep_outsl

	.code64

guest pio64_rep_outsb
	mov	$PORT_DEVICE, %dx
	rep outsb
	done
label pio64_outs_fault
	say	14
	done
end_guest pio64_rep_outsb

guest pio64_rep_insw
	mov	$PORT_DEVICE, %dx
	rep insw
	done
label pio64_ins_fault
	say	14
	done
end_guest pio64_rep_insw
