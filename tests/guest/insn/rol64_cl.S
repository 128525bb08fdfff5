/* SPDX-License-Identifier: MIT */
/*
 * rol sets CF and, for 1, OF; no other flag. [SDM2 "RCL/RCR/ROL/ROR"]
 *
 * random: rax rcx flags
 * random-undefined: o
 * in:  rax=0x8000000000000000 rcx=1 flags=pazs
 * out: rax=0x1 flags=cpazso
 * in:  rax=0x123456789abcdef0 rcx=4 flags=cpazs
 * undefined: o
 * out: rax=0x23456789abcdef01
 * in:  rax=0x123456789abcdef0 rcx=64 flags=co
 * out:
 */
	rol %cl, %rax
