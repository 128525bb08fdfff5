/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a CPU runs for anybody, but that would tell a guest of the
 * host instead of its own machine: code that has one is not run directly.
 *
 * This keeps programs right that ask CPUID or the number of their CPU; it keeps
 * nobody in. Who hides such an instruction from a disassembler sees the host's
 * CPUID, as programs in containers do.
 */
#ifndef ENGINE_SOFT_DIRECT_SCAN_H
#define ENGINE_SOFT_DIRECT_SCAN_H

#include "base/types.h"

/* What was found in pages lately, by where they are and what is in them. */
#define SCANS_KEPT 64

struct scan_cache {
	struct {
		const u8 *page;
		u64 sum;
		bool sensitive;
	} kept[SCANS_KEPT];
};

/*
 * Does such an instruction begin in the page, 4096 bytes? `at` is the offset of
 * an instruction's first byte, 0 if none is known; `next` what follows in memory,
 * of which 16 bytes are read, NULL: nobody knows. `cache` may be NULL.
 */
bool scan_sensitive(const u8 *page, const u8 *next, u32 at,
		    struct scan_cache *cache);

#endif
