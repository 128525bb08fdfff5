/* SPDX-License-Identifier: MIT */
/*
 * A guest whose first instructions end the VMM by port 0xf4: what is measured
 * is the VMM's own start. As firmware of 64 KiB, entered at the reset vector
 * (START_BIOS, for a VMM that always runs firmware), or as a PVH kernel.
 */
#ifdef START_BIOS
	.code16
	.text
	.skip 0xfff0
	.globl start
start:
	xor %eax, %eax
	out %al, $0xf4
	hlt
	.org 0x10000
#else
	.section .note, "a"
	.align 4
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	xor %eax, %eax
	out %al, $0xf4
	hlt
#endif
