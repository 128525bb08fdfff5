/* SPDX-License-Identifier: MIT */
/*
 * cmpxchg of 32 bits between registers. [SDM2 "CMPXCHG"]
 *
 * limited-kvm: 0
 * random: rcx flags
 * in:  rax=0xffffffff00000007 rdx=0xffffffff00000007 rcx=0xffffffff00000001
 * out: rdx=0x1 flags=pz
 * in:  rax=0xffffffff00000007 rdx=0xffffffff00000008 rcx=1
 * out: rax=0x8 flags=cpas
 */
	cmpxchg %ecx, %edx
