/* SPDX-License-Identifier: MIT */
/*
 * cdqe. [SDM2 "CBW/CWDE/CDQE"]
 *
 * random: rax
 * in:  rax=0x80000000
 * out: rax=0xffffffff80000000
 */
	cltq
