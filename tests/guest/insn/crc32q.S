/* SPDX-License-Identifier: MIT */
/*
 * crc32 of eight bytes. [SDM2 "CRC32"]
 *
 * needs: sse42
 * random: rax rcx flags
 * in:  rax=0xffffffff00000000 rcx=0x3736353433323130
 * out: rax=0x200a91aa
 */
	crc32q %rcx, %rax
