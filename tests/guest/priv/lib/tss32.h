/* SPDX-License-Identifier: MIT */
/* [SDM3 7.2.1 "Task-State Segment (TSS)"], with room for all ports. */
#ifndef TESTS_GUEST_PRIV_LIB_TSS32_H
#define TESTS_GUEST_PRIV_LIB_TSS32_H

#include "tests/guest/priv/lib/priv.h"

#define TSS32_BYTES 104

struct tss32 {
	u32 link;
	struct {
		u32 esp, ss;
	} stack[3];
	u32 cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs;
	u32 ldt;
	u16 trap;
	u16 iomap; /* TSS32_BYTES: bitmap[] is in force */
	u8 bitmap[8192 + 1];
} __attribute__((aligned(16)));

extern struct tss32 tss[CPUS_MAX];

#endif
