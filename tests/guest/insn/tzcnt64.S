/* SPDX-License-Identifier: MIT */
/*
 * tzcnt of zero is the width, with carry. [SDM2 "TZCNT"]
 *
 * needs: bmi1
 * limited-kvm: 0
 * undefined: paso
 * random: rcx flags
 * in:  rcx=0
 * out: rax=0x40 flags=c
 * in:  rcx=1 flags=c
 * out: rax=0 flags=z
 * in:  rcx=0x100
 * out: rax=0x8
 */
	tzcnt %rcx, %rax
