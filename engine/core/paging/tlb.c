/* SPDX-License-Identifier: MIT */
/*
 * The software TLB: filling, flushing and fetching.
 *
 * A fill walks once for one kind of access and notes what the walk allows. The
 * write tag is set only after a walk for writing, so that D is set and the
 * owner has counted the page as dirty before the first fast store. Entries are
 * 4 KiB; INVLPG on an address that a large page may have filled flushes the
 * whole half instead of looking for its siblings.
 */
#include "engine/core/paging/tlb.h"

#include "engine/core/exception/exception.h"
#include "engine/core/paging/paging.h"

static void half_wipe(struct x86_cpu *cpu, u32 half)
{
	for (u32 class = 0; class < TLB_CLASSES; class ++)
		__builtin_memset(cpu->tlbs[class]->entry[half], 0,
				 sizeof(cpu->tlbs[class]->entry[half]));
}

static void contexts_forget(struct x86_cpu *cpu)
{
	for (u32 i = 0; i < TLB_CONTEXTS; i++)
		cpu->tlb_context[i].space = 0;
}

static void lower_flush(struct x86_cpu *cpu)
{
	cpu->tlb_space = ++cpu->tlb_space_last;
	if (cpu->tlb_generation_last == TLB_GENERATION_MASK) {
		half_wipe(cpu, 0);
		contexts_forget(cpu);
		cpu->lower_half_global = false;
		cpu->tlb_generation_last = 0;
	}
	cpu->tlb_generation[0] = ++cpu->tlb_generation_last;
}

static void half_flush(struct x86_cpu *cpu, u32 half)
{
	cpu->large_first[half] = ~0ull;
	cpu->large_last[half] = 0;
	if (!half) {
		lower_flush(cpu);
		return;
	}
	cpu->upper_half_local = false;
	if (cpu->tlb_generation[1] == TLB_GENERATION_MASK) {
		half_wipe(cpu, 1);
		cpu->tlb_generation[1] = 0;
	}
	cpu->tlb_generation[1]++;
}

void tlb_flush(struct x86_cpu *cpu, bool all)
{
	contexts_forget(cpu);
	half_flush(cpu, 0);
	if (all || cpu->upper_half_local)
		half_flush(cpu, 1);
}

/* ---- PCIDs ---- */

static struct x86_tlb_context *context_of(struct x86_cpu *cpu, u32 pcid)
{
	for (u32 i = 0; i < TLB_CONTEXTS; i++)
		if (cpu->tlb_context[i].space && cpu->tlb_context[i].pcid == pcid)
			return &cpu->tlb_context[i];
	return NULL;
}

u32 tlb_pcid(const struct x86_cpu *cpu)
{
	return cpu->cr4 & CR4_PCIDE ? (u32)(cpu->cr3 & CR3_PCID) : 0;
}

void tlb_flush_pcid(struct x86_cpu *cpu, u32 pcid)
{
	struct x86_tlb_context *context = context_of(cpu, pcid);

	if (context)
		context->space = 0;
	if (pcid != tlb_pcid(cpu))
		return;
	half_flush(cpu, 0);
	if (cpu->upper_half_local)
		half_flush(cpu, 1);
}

static void context_keep(struct x86_cpu *cpu, u32 pcid)
{
	struct x86_tlb_context *context = context_of(cpu, pcid);

	if (!context) {
		context = &cpu->tlb_context[cpu->tlb_context_next];
		cpu->tlb_context_next =
			(cpu->tlb_context_next + 1) % TLB_CONTEXTS;
	}
	*context = (struct x86_tlb_context){
		.space = cpu->tlb_space,
		.pcid = pcid,
		.generation = (u32)cpu->tlb_generation[0],
		.large_first = cpu->large_first[0],
		.large_last = cpu->large_last[0],
	};
}

void tlb_switch(struct x86_cpu *cpu, u32 from, u32 to, bool keep)
{
	struct x86_tlb_context *context;

	context_keep(cpu, from);
	context = context_of(cpu, to);
	if (context && keep) {
		cpu->tlb_space = context->space;
		cpu->tlb_generation[0] = context->generation;
		cpu->large_first[0] = context->large_first;
		cpu->large_last[0] = context->large_last;
	} else {
		if (context)
			context->space = 0;
		half_flush(cpu, 0);
	}
	if (cpu->upper_half_local)
		half_flush(cpu, 1);
}

bool tlb_space_kept(const struct x86_cpu *cpu, u64 space)
{
	if (!space)
		return false;
	for (u32 i = 0; i < TLB_CONTEXTS; i++)
		if (cpu->tlb_context[i].space == space)
			return true;
	return false;
}

void tlb_flush_page(struct x86_cpu *cpu, gva_t address)
{
	u32 half = (u32)(address >> 63);

	cpu->tlb_flushed[half][cpu->tlb_page_flushes[half]++ % TLB_FLUSHES_NOTED] =
		address & ~0xfffull;
	if (!half && cpu->lower_half_global) /* is flushed in all contexts */
		contexts_forget(cpu);
	if (address >= cpu->large_first[half] &&
	    address <= cpu->large_last[half]) {
		half_flush(cpu, half);
		return;
	}
	for (u32 class = 0; class < TLB_CLASSES; class ++) {
		struct x86_tlb_entry *entry = tlb_entry(cpu, class, address);

		entry->read_tag = entry->write_tag = entry->exec_tag = 0;
	}
}

/* A page that a data breakpoint watches is never entered for data, so that
 * every access to it takes the slow way, where breakpoints are compared. */
static bool page_watched(const struct x86_cpu *cpu, gva_t page)
{
	u64 dr7;
	const u64 *dr = debug_registers(cpu, &dr7);

	if (likely(!(dr7 & 0xff)))
		return false;
	for (u32 i = 0; i < 4; i++)
		if ((dr7 >> (2 * i) & 3) && (dr7 >> (16 + 4 * i) & 1) &&
		    (dr[i] & ~0xfffull) == page)
			return true;
	return false;
}

static void note_large(struct x86_cpu *cpu, gva_t page, const struct walk *walk)
{
	u32 half = (u32)(page >> 63);
	u64 first = page & ~(walk->page_bytes - 1);
	u64 last = first + walk->page_bytes - 1;

	if (walk->page_bytes == 4096)
		return;
	cpu->large_first[half] = MIN(cpu->large_first[half], first);
	cpu->large_last[half] = MAX(cpu->large_last[half], last);
}

static bool may_read(const struct x86_cpu *cpu, u32 class,
		     const struct walk *walk)
{
	if (class == TLB_USER)
		return walk->user;
	return class == TLB_SUPERVISOR_AC || !walk->user ||
	       !(cpu->cr4 & CR4_SMAP);
}

static u32 writers_hash(u64 host)
{
	_Static_assert(WRITERS_WORDS * 64 == 1 << 12, "the shift below");
	return (u32)((host >> 12) * 0x9e3779b97f4a7c15u >> 52);
}

bool writers_reach(const struct x86_writers *writers, u64 host_page)
{
	u32 hash = writers_hash(host_page);

	return writers->host_pages[hash / 64] >> hash % 64 & 1;
}

static void writer_note(struct x86_cpu *cpu, struct x86_tlb_entry *entry,
			u64 host)
{
	struct x86_writers *writers = cpu->writers;
	u32 hash = writers_hash(host);

	if (!writers)
		return;
	writers->host_pages[hash / 64] |= BIT(hash % 64);
	if (writers->count < WRITERS_MAX)
		writers->entry[writers->count] = entry;
	if (writers->count <= WRITERS_MAX)
		writers->count++;
}

static void entry_install(struct x86_cpu *cpu, u32 class, gva_t page,
			  u32 access, const struct walk *walk, const void *host)
{
	struct x86_tlb_entry *entry = tlb_entry(cpu, class, page);
	u64 tag = page | cpu->tlb_generation[page >> 63];
	u64 delta = (u64)(uintptr_t)host - page;

	if (class >= TLB_ALIGN)
		return;
	if (entry->host != delta ||
	    (entry->read_tag != tag && entry->exec_tag != tag &&
	     entry->write_tag != tag))
		*entry = (struct x86_tlb_entry){.host = delta};
	if (access & WALK_FETCH)
		entry->exec_tag = tag;
	else if (may_read(cpu, class, walk) && !page_watched(cpu, page)) {
		entry->read_tag = tag;
		if (access & WALK_WRITE) {
			entry->write_tag = tag;
			writer_note(cpu, entry, (u64)(uintptr_t)host);
		}
	}
	if ((page >> 63) && !walk->global)
		cpu->upper_half_local = true;
	if (!(page >> 63) && walk->global)
		cpu->lower_half_global = true;
	note_large(cpu, page, walk);
}

int tlb_fill(struct x86_cpu *cpu, u32 class, gva_t address, u32 access,
	     struct page_ref *ret)
{
	gva_t page = address & ~0xfffull;
	struct walk walk;
	void *host;
	int rc = page_walk(cpu, address, access, &walk);

	if (rc)
		return rc;
	host = cpu->ops->page(cpu->ctx, walk.gpa & ~0xfffull,
			      access & WALK_WRITE);
	ret->gpa = walk.gpa;
	ret->waited = walk.waited;
	ret->host = host ? (u8 *)host + (walk.gpa & 0xfff) : NULL;
	if (host)
		entry_install(cpu, class, page, access, &walk, host);
	return X86_OK;
}

u32 tlb_class_now(const struct x86_cpu *cpu)
{
	for (u32 class = 0; class < TLB_CLASSES; class ++)
		if (cpu->tlb == cpu->tlbs[class])
			return class;
	return TLB_SUPERVISOR;
}

static u32 fetch_access(const struct x86_cpu *cpu)
{
	return WALK_FETCH | (cpu->cpl == 3 ? WALK_USER : 0u);
}

int tlb_fetch(struct x86_cpu *cpu, gva_t address, u8 **ret_host)
{
	const struct x86_tlb_entry *entry = tlb_slot(cpu, address);
	struct page_ref page;
	int rc;

	if (likely(entry->exec_tag == tlb_tag(cpu, address, address))) {
		*ret_host = (u8 *)(uintptr_t)(entry->host + address);
		return X86_OK;
	}
	if (unlikely(!linear_canonical(cpu, address)))
		return raise_gp0(cpu);
	rc = tlb_fill(cpu, tlb_class_now(cpu), address, fetch_access(cpu),
		      &page);
	if (rc)
		return rc;
	if (!page.host)
		return X86_NEED;
	*ret_host = page.host;
	return X86_OK;
}
