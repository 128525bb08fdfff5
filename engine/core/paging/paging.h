/* SPDX-License-Identifier: MIT */
/*
 * Linear to guest-physical: the page-table walker. [SDM3 4 "Paging"]
 */
#ifndef ENGINE_CORE_PAGING_PAGING_H
#define ENGINE_CORE_PAGING_PAGING_H

#include "engine/core/x86.h"

/* What an access is; bits of walk_access. */
enum {
	WALK_WRITE = 1 << 0,
	WALK_FETCH = 1 << 1,
	WALK_USER = 1 << 2, /* by CPL 3 (not an implicit supervisor access) */
	WALK_IMPLICIT = 1 << 3, /* GDT, IDT, TSS, …: SMAP ignores AC */
	WALK_PROBE = 1 << 4,	/* change nothing: no A/D update (TRANSLATE) */
};

struct walk {
	gpa_t gpa;	 /* of the byte asked for */
	u64 page_bytes;	 /* 4 KiB, 2/4 MiB or 1 GiB */
	bool writable;	 /* all levels R/W (CR0.WP applied by the caller) */
	bool user;	 /* all levels U/S */
	bool executable; /* no level NX */
	bool global;
	bool dirty;  /* D is set: a write needs no further walk */
	bool waited; /* the other vCPUs were stopped on the way */
};

/*
 * Walks for one access and checks it. X86_OK fills *ret; X86_FAULT raised #PF.
 * A and D bits are set in guest memory by compare-and-swap as the access needs,
 * in the exclusive section when other vCPUs keep changing the entries;
 * a table outside memory reads as all ones does: reserved-bit #PF.
 * Canonical form is the caller's.
 */
int page_walk(struct x86_cpu *cpu, gva_t address, u32 access, struct walk *ret);

/* PAE: loads cpu->pdpte[] from cr3; X86_FAULT = #GP(0) on reserved bits. */
int pdpte_load(struct x86_cpu *cpu, u64 cr3);

/* Flushes. `all` ignores global; both are O(1). */
void tlb_flush(struct x86_cpu *cpu, bool all);
void tlb_flush_page(struct x86_cpu *cpu, gva_t address);
/* The PCID in force; without CR4.PCIDE it is 0, whatever CR3 has there. */
u32 tlb_pcid(const struct x86_cpu *cpu);
/* What is not global of one PCID. */
void tlb_flush_pcid(struct x86_cpu *cpu, u32 pcid);
/*
 * CR3 gets another PCID, or the same: what was in force is kept for the next
 * time; with `keep`, so is what there still is of the new one.
 */
void tlb_switch(struct x86_cpu *cpu, u32 from, u32 to, bool keep);
/* May this x86_cpu.tlb_space, which is not in force, come back? */
bool tlb_space_kept(const struct x86_cpu *cpu, u64 space);

/*
 * The host address of the code byte at linear address, for CPL and mode now:
 * X86_OK and *ret_host, X86_FAULT, or X86_NEED when it is not in memory.
 */
int tlb_fetch(struct x86_cpu *cpu, gva_t address, u8 **ret_host);

#endif
