/* SPDX-License-Identifier: MIT */
/*
 * A byte may be shifted further than it is wide. [SDM2 "SAL/SAR/SHL/SHR"]
 *
 * random: rdx rcx flags
 * random-undefined: cao
 * in:  rdx=0x81 rcx=1
 * undefined: a
 * out: rdx=0x2 flags=co
 * in:  rdx=0x01ff rcx=7
 * undefined: ao
 * out: rdx=0x180 flags=cs
 * in:  rdx=0xff rcx=31
 * undefined: cao
 * out: rdx=0 flags=pz
 */
	shl %cl, %dl
