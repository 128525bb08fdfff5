/* SPDX-License-Identifier: MIT */
/*
 * verw: code is not writable. [SDM2 "VERR/VERW"]
 *
 * cpl: 3
 * in:  rcx=0x33 flags=z
 * out: flags=
 * in:  rcx=0x2b
 * out: flags=z
 */
	verw %cx
