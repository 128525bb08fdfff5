/* SPDX-License-Identifier: MIT */
/* [SDM3 7.7 "Task Management in 64-bit Mode"], with room for all ports. */
#ifndef TESTS_GUEST_PRIV_LIB_TSS64_H
#define TESTS_GUEST_PRIV_LIB_TSS64_H

#include "tests/guest/priv/lib/priv.h"

#define TSS64_BYTES 104

struct tss64 {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap; /* TSS64_BYTES: bitmap[] is in force */
	u8 bitmap[8192 + 1];
} __attribute__((packed, aligned(16)));

extern struct tss64 tss[CPUS_MAX];

#endif
