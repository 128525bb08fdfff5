/* SPDX-License-Identifier: MIT */
/*
 * cbw. [SDM2 "CBW/CWDE/CDQE"]
 *
 * random: rax
 * in:  rax=0x1111111111111180
 * out: rax=0x111111111111ff80
 */
	cbtw
