/* SPDX-License-Identifier: MIT */
/*
 * repne scasb stops behind what it found. [SDM2 "SCAS/SCASB/SCASW/SCASD"]
 *
 * in:  rdi=data rcx=0x20 rax=0x0f
 * out: rcx=0x1d rdi=data+0x3 flags=pz
 * in:  rdi=data rcx=5 rax=0x0f
 * out: rcx=0x2 rdi=data+0x3 flags=pz
 * in:  rdi=data rcx=0 rax=0 flags=cpazso
 * out:
 */
	repne scasb
