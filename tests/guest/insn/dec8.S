/* SPDX-License-Identifier: MIT */
/*
 * dec keeps the carry. [SDM2 "DEC"]
 *
 * random: rbx flags
 * in:  rbx=0xff00 flags=c
 * out: rbx=0xffff flags=cpas
 * in:  rbx=0x80 flags=
 * out: rbx=0x7f flags=ao
 * in:  rbx=1 flags=c
 * out: rbx=0 flags=cpz
 */
	dec %bl
