/* SPDX-License-Identifier: MIT */
/*
 * Inside of the TLB, for paging/ itself.
 */
#ifndef ENGINE_CORE_PAGING_TLB_H
#define ENGINE_CORE_PAGING_TLB_H

#include "engine/core/paging/mem.h"
#include "engine/core/x86.h"

/* Where one byte is: in memory (host != NULL) or on the bus at gpa. */
struct page_ref {
	gpa_t gpa;
	u8 *host;
	bool waited; /* for the exclusive section, on the way */
};

static inline struct x86_tlb_entry *tlb_entry(const struct x86_cpu *cpu,
					      u32 class, gva_t a)
{
	return &cpu->tlbs[class]->entry[a >> 63][(a >> 12) & (TLB_ENTRIES - 1)];
}

/* Bits above the linear width equal its top bit; always true below 64-bit. */
static inline bool linear_canonical(const struct x86_cpu *cpu, gva_t address)
{
	u32 shift = cpu->cr4 & CR4_LA57 ? 7 : 16;

	return cpu->linear_mask != ~0ull ||
	       (u64)((s64)(address << shift) >> shift) == address;
}

/* May one of the entries noted there write to that page of the host's? */
bool writers_reach(const struct x86_writers *writers, u64 host_page);

/*
 * Walks for one access (WALK_*) by code of that class, enters what it found and
 * tells where the byte is. X86_OK or X86_FAULT (#PF raised).
 */
int tlb_fill(struct x86_cpu *cpu, u32 class, gva_t address, u32 access,
	     struct page_ref *ret);

u32 tlb_class_now(const struct x86_cpu *cpu);

#endif
