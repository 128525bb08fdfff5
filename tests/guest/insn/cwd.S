/* SPDX-License-Identifier: MIT */
/*
 * cwd keeps the upper parts. [SDM2 "CWD/CDQ/CQO"]
 *
 * random: rax rdx
 * in:  rax=0x7fff rdx=0x2222222222222222
 * out: rdx=0x2222222222220000
 */
	cwtd
