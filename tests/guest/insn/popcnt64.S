/* SPDX-License-Identifier: MIT */
/*
 * popcnt clears all flags but ZF. [SDM2 "POPCNT"]
 *
 * needs: popcnt
 * random: rcx flags
 * in:  rcx=0xf00000000000000f flags=cpaso
 * out: rax=0x8 flags=
 * in:  rcx=0 flags=cpaso
 * out: rax=0 flags=z
 */
	popcnt %rcx, %rax
