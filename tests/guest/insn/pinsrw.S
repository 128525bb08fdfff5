/* SPDX-License-Identifier: MIT */
/*
 * pinsrw. [SDM2 "PINSRW"]
 *
 * in:  rcx=0xffff1234
 * out: xmm0=0x4746454412344140_4746454443424140
 */
	pinsrw $5, %ecx, %xmm0
