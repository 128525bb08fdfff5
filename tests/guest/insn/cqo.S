/* SPDX-License-Identifier: MIT */
/*
 * cqo. [SDM2 "CWD/CDQ/CQO"]
 *
 * random: rax rdx
 * in:  rax=0x8000000000000000
 * out: rdx=0xffffffffffffffff
 */
	cqto
