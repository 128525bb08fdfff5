/* SPDX-License-Identifier: MIT */
/*
 * RIP-relative addresses count from the next instruction. [SDM2 2.2.1.6
 * "RIP-Relative Addressing"]
 *
 * in:  [data]=0xdeadbeef00c0ffee
 * out: rax=0xdeadbeef00c0ffee
 */
	mov 0xfff9(%rip), %rax
