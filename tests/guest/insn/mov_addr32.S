/* SPDX-License-Identifier: MIT */
/*
 * The address-size prefix truncates the sum. [SDM2 2.1.1 "Instruction
 * Prefixes"]
 *
 * in:  rcx=0xffffffff10010000 rdx=0xffffffff00000004 [data+4]=0x55667788
 * out: rax=0x55667788
 */
	mov (%ecx,%edx), %eax
