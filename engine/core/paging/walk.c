/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker: 32-bit, PAE, 4-level and 5-level paging with one loop.
 *
 * The formats differ in entry size, index width and where large pages may
 * stand, so a mode is a row of a table and the loop is the same for all.
 * Permissions are gathered on the way down and judged at the leaf; only a walk
 * that is allowed sets A and D, by compare-and-swap on guest memory, from the
 * root down. When an entry changed under us the walk starts over, after some
 * times with the other vCPUs stopped.
 * [SDM3 4.3 "32-Bit Paging"] [SDM3 4.4 "PAE Paging"]
 * [SDM3 4.5 "4-Level Paging and 5-Level Paging"] [SDM3 4.6 "Access Rights"]
 */
#include "engine/core/paging/paging.h"

#include "engine/core/paging/mem.h"

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_US BIT(2)
#define PTE_A  BIT(5)
#define PTE_D  BIT(6)
#define PTE_PS BIT(7)
#define PTE_G  BIT(8)
#define PTE_NX BIT(63)

#define LEVELS_MAX	  5
#define WALK_RESTARTS_MAX 16

struct paging_mode {
	u8 levels;
	u8 entry_bytes;
	u8 index_bits;
	u8 large_levels; /* bit n: a leaf may stand at level n (1 = 4 KiB) */
};

enum { MODE_32, MODE_PAE, MODE_4, MODE_5 };

static const struct paging_mode modes[] = {
	[MODE_32] = {2, 4, 10, BIT(2)},
	[MODE_PAE] = {2, 8, 9, BIT(2)}, /* below the PDPTE registers */
	[MODE_4] = {4, 8, 9, BIT(2) | BIT(3)},
	[MODE_5] = {5, 8, 9, BIT(2) | BIT(3)},
};

struct walk_state {
	struct x86_cpu *cpu;
	const struct paging_mode *mode;
	u64 reserved; /* bits that must be 0 in every entry */
	u64 all;      /* AND of P, RW, US over the levels */
	u64 any;      /* OR of NX */
	gpa_t entry_gpa[LEVELS_MAX];
	u64 entry[LEVELS_MAX];
	u32 depth; /* levels used */
};

static u32 pick_mode(const struct x86_cpu *cpu)
{
	if (!(cpu->cr4 & CR4_PAE))
		return MODE_32;
	if (!cpu->long_mode)
		return MODE_PAE;
	return cpu->cr4 & CR4_LA57 ? MODE_5 : MODE_4;
}

/* Bits that no entry of this mode may have set, large-page bits apart. */
static u64 reserved_bits(const struct x86_cpu *cpu, u32 mode)
{
	u64 reserved = 0;

	if (mode == MODE_32)
		return 0;
	if (cpu->physical_bits < 52)
		reserved = (BIT(52) - 1) & ~(BIT(cpu->physical_bits) - 1);
	if (mode == MODE_PAE)
		reserved |= (BIT(63) - 1) & ~(BIT(52) - 1);
	if (!(cpu->efer & EFER_NXE))
		reserved |= PTE_NX;
	return reserved;
}

/* Reserved address bits of a large page whose leaf stands at `shift`. */
static u64 large_reserved(const struct x86_cpu *cpu, u32 mode, u32 shift)
{
	if (mode == MODE_32) { /* PSE-36: bits 13..20 are address bits 32..39 */
		u64 high = cpu->physical_bits >= 40 ? 8
						    : cpu->physical_bits - 32u;

		return ((BIT(9) - 1) << 13) & ~((BIT(high) - 1) << 13);
	}
	return (BIT(shift) - 1) & ~(BIT(13) - 1);
}

static u64 entry_load(const struct walk_state *w, const void *host)
{
	if (w->mode->entry_bytes == 4)
		return __atomic_load_n((const u32 *)host, __ATOMIC_RELAXED);
	return __atomic_load_n((const u64 *)host, __ATOMIC_RELAXED);
}

static int walk_fault(const struct walk_state *w, gva_t address, u32 access,
		      u32 code)
{
	struct x86_cpu *cpu = w->cpu;
	bool fetch_shown = (cpu->cr4 & CR4_SMEP) ||
			   ((cpu->cr4 & CR4_PAE) && (cpu->efer & EFER_NXE));

	if (access & WALK_WRITE)
		code |= PF_WRITE;
	if (access & WALK_USER)
		code |= PF_USER;
	if ((access & WALK_FETCH) && fetch_shown)
		code |= PF_FETCH;
	return raise_page_fault(cpu, address, code);
}

/* May this access use a page with these rights? [SDM3 4.6] */
static bool allowed(const struct x86_cpu *cpu, u32 access,
		    const struct walk *page)
{
	if ((access & WALK_FETCH) && !page->executable)
		return false;
	if (access & WALK_USER)
		return page->user && (page->writable || !(access & WALK_WRITE));
	if (page->user && (access & WALK_FETCH) && (cpu->cr4 & CR4_SMEP))
		return false;
	if (page->user && !(access & WALK_FETCH) && (cpu->cr4 & CR4_SMAP) &&
	    ((access & WALK_IMPLICIT) || !(cpu->rflags & RFLAGS_AC)))
		return false;
	return page->writable || !(access & WALK_WRITE) || !(cpu->cr0 & CR0_WP);
}

/* Sets `bits` in one entry unless it changed meanwhile: false = start over. */
static bool entry_set(struct walk_state *w, u32 level, u64 bits)
{
	u64 old = w->entry[level];
	gpa_t gpa = w->entry_gpa[level];
	u8 *page;

	if ((old & bits) == bits)
		return true;
	page = w->cpu->ops->page(w->cpu->ctx, gpa & ~0xfffull, true);
	if (!page)
		return true; /* tables in ROM keep their bits */
	page += gpa & 0xfff;
	if (w->mode->entry_bytes == 4) {
		u32 expected = (u32)old;

		return __atomic_compare_exchange_n(
			(u32 *)(void *)page, &expected, (u32)(old | bits),
			false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return __atomic_compare_exchange_n((u64 *)(void *)page, &old,
					   old | bits, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static bool set_accessed_dirty(struct walk_state *w, u32 access)
{
	for (u32 i = 0; i < w->depth; i++) {
		bool leaf = i + 1 == w->depth;
		u64 bits = leaf && (access & WALK_WRITE) ? PTE_A | PTE_D : PTE_A;

		if (!entry_set(w, i, bits))
			return false;
	}
	return true;
}

/* Fills *ret from the leaf at `shift`. */
static void leaf_result(const struct walk_state *w, u64 entry, u32 shift,
			gva_t address, struct walk *ret)
{
	u64 offset = address & (BIT(shift) - 1);
	u64 frame;

	if (w->mode == &modes[MODE_32]) {
		frame = entry & 0xffffffff & ~(BIT(shift) - 1);
		if (shift == 22)
			frame |= (entry >> 13 & 0xff) << 32;
	} else {
		frame = entry & (BIT(52) - 1) & ~(BIT(shift) - 1);
	}
	ret->gpa = frame | offset;
	ret->page_bytes = BIT(shift);
	ret->writable = w->all & PTE_RW;
	ret->user = w->all & PTE_US;
	ret->executable = !(w->any & PTE_NX);
	ret->global = (entry & PTE_G) && (w->cpu->cr4 & CR4_PGE);
	ret->dirty = entry & PTE_D;
}

/* One descent. X86_OK, X86_FAULT, or X86_REPEAT: an entry changed, try again. */
static int descend(struct walk_state *w, gva_t address, u32 access,
		   struct walk *ret)
{
	struct x86_cpu *cpu = w->cpu;
	const struct paging_mode *mode = w->mode;
	u32 shift = 12 + mode->index_bits * (mode->levels - 1u);
	u32 number = (u32)(mode - modes);
	u64 table = number == MODE_PAE ? cpu->pdpte[address >> 30 & 3]
				       : cpu->cr3;

	w->all = ~0ull;
	w->any = 0;
	w->depth = 0;
	if (number == MODE_PAE && !(table & PTE_P))
		return walk_fault(w, address, access, 0);
	table &= number == MODE_32 ? 0xfffff000ull : (BIT(52) - 1) & ~0xfffull;

	for (u32 level = mode->levels;; level--, shift -= mode->index_bits) {
		u64 index = address >> shift & (BIT(mode->index_bits) - 1);
		u8 *page = cpu->ops->page(cpu->ctx, table, false);
		u32 offset = (u32)index * mode->entry_bytes;
		bool leaf = level == 1;
		u64 entry, reserved = w->reserved;

		if (!page) /* no memory: the bus reads all ones */
			return walk_fault(w, address, access,
					  PF_PRESENT | PF_RSVD);
		entry = entry_load(w, page + offset);
		w->entry_gpa[w->depth] = table + offset;
		w->entry[w->depth++] = entry;
		if (!(entry & PTE_P))
			return walk_fault(w, address, access, 0);
		if (level > 1 && (entry & PTE_PS)) {
			leaf = mode->large_levels & BIT(level) &&
			       (number != MODE_32 || (cpu->cr4 & CR4_PSE)) &&
			       (level < 3 || cpu->pages_1g);
			if (leaf)
				reserved |= large_reserved(cpu, number, shift);
			else if (number != MODE_32 && level > 2)
				reserved |= PTE_PS;
		}
		if (entry & reserved)
			return walk_fault(w, address, access,
					  PF_PRESENT | PF_RSVD);
		w->all &= entry;
		w->any |= entry;
		if (leaf) {
			leaf_result(w, entry, shift, address, ret);
			break;
		}
		table = number == MODE_32 ? entry & 0xfffff000
					  : entry & (BIT(52) - 1) & ~0xfffull;
	}
	if (!allowed(cpu, access, ret))
		return walk_fault(w, address, access, PF_PRESENT);
	if (!(access & WALK_PROBE) && !set_accessed_dirty(w, access))
		return X86_REPEAT;
	if (access & WALK_WRITE)
		ret->dirty = true;
	return X86_OK;
}

/*
 * With a limit, so that nobody who rewrites an entry each time can hold us here:
 * X86_REPEAT, when every try was lost.
 */
static int descend_often(struct walk_state *w, gva_t address, u32 access,
			 struct walk *ret)
{
	int rc = X86_REPEAT;

	for (u32 i = 0; i < WALK_RESTARTS_MAX && rc == X86_REPEAT; i++)
		rc = descend(w, address, access, ret);
	return rc;
}

int page_walk(struct x86_cpu *cpu, gva_t address, u32 access, struct walk *ret)
{
	u32 number = pick_mode(cpu);
	struct walk_state w = {.cpu = cpu, .mode = &modes[number]};
	int rc;

	if (!(cpu->cr0 & CR0_PG)) {
		*ret = (struct walk){.gpa = address,
				     .page_bytes = 4096,
				     .writable = true,
				     .user = true,
				     .executable = true,
				     .dirty = true};
		return X86_OK;
	}
	w.reserved = reserved_bits(cpu, number);
	ret->waited = false;
	rc = descend_often(&w, address, access, ret);
	if (likely(rc != X86_REPEAT))
		return rc;
	if (!cpu->exclusive) {
		exclusive_enter(cpu);
		rc = descend_often(&w, address, access, ret);
		exclusive_leave(cpu);
		ret->waited = true;
	}
	/* Now only the client itself can have written, as a device's DMA does:
	 * its write counts as the later one, and nothing is left to mark. */
	return rc == X86_REPEAT ? X86_OK : rc;
}

int pdpte_load(struct x86_cpu *cpu, u64 cr3)
{
	u64 reserved = 0x1e6; /* bits 1, 2, 5..8 [SDM3 4.4.1 "PDPTE Registers"] */
	const u8 *page = cpu->ops->page(cpu->ctx, cr3 & 0xfffff000, false);
	u64 loaded[4];

	if (cpu->physical_bits < 63)
		reserved |= ~(BIT(cpu->physical_bits) - 1);
	for (u32 i = 0; i < 4; i++) {
		u64 entry = ~0ull;

		if (page)
			__builtin_memcpy(&entry, page + (cr3 & 0xfe0) + i * 8,
					 8);
		if ((entry & PTE_P) && (entry & reserved))
			return raise_gp0(cpu);
		loaded[i] = entry;
	}
	__builtin_memcpy(cpu->pdpte, loaded, sizeof(loaded));
	return X86_OK;
}
