/* SPDX-License-Identifier: MIT */
/*
 * With REX, encoding 4 is SPL, not AH. [SDM2 2.2.1.2 "More on REX Prefix
 * Fields"]
 *
 * in:  rcx=0x37
 * out: rsp=stack+0x37
 */
	mov %cl, %spl
