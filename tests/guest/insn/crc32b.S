/* SPDX-License-Identifier: MIT */
/*
 * crc32 of a byte. [SDM2 "CRC32"]
 *
 * needs: sse42
 * random: rax rcx flags
 * in:  rax=0xffffffffffffffff rcx=0x61
 * out: rax=0x3e2fbccf
 */
	crc32b %cl, %eax
