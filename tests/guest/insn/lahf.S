/* SPDX-License-Identifier: MIT */
/*
 * lahf: bit 1 is set, bits 3 and 5 are not. [SDM2 "LAHF"]
 *
 * needs: lahf
 * random: rax flags
 * in:  rax=0 flags=cpazso
 * out: rax=0xd700
 */
	lahf
