/* SPDX-License-Identifier: MIT */
/*
 * Base, scaled index and displacement, of r12 and r13. [SDM2 2.1.5
 * "Addressing-Mode Encoding of ModR/M and SIB Bytes"]
 *
 * in:  r13=data+8 r12=3 [data+0x18]=0xcafef00d
 * out: rax=0xcafef00d
 */
	mov -8(%r13,%r12,8), %eax
