/* SPDX-License-Identifier: MIT */
/* See shadow.h. [SDM3 4.5 "4-Level Paging and 5-Level Paging"] */
#include "engine/soft/direct/shadow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/soft/code_map.h"
#include "engine/soft/direct/scan.h"

#define ENTRY_P	    BIT(0)
#define ENTRY_RW    BIT(1)
#define ENTRY_US    BIT(2)
#define ENTRY_A	    BIT(5)
#define ENTRY_D	    BIT(6)
#define ENTRY_PS    BIT(7)
#define ENTRY_NX    BIT(63)
#define ENTRY_FRAME 0xffffffffff000ull

#define PAGE	     4096u
#define CHUNK_SHIFT  21
#define CHUNK_BYTES  BIT(CHUNK_SHIFT)
#define CHUNK_PAGES  512u
#define CHUNKS_MAX   1024u /* 2 GiB of addresses; 7 MiB of records */
#define HASH_BITS    8
#define MAPPINGS_MAX 30000u	/* the host's limit is 65530 by default */
#define LOWEST	     0x10000ull /* vm.mmap_min_addr, where it is not less */
#define USER_END     0x7ffffffff000ull
#define WINDOW_MIN   32u /* pages looked at around a fault */

/* Two MiB of addresses: what one table of the last level maps, or one large
 * page. */
struct chunk {
	u64 address;
	u64 upper[3]; /* the entries that led here, A and D apart */
	bool large;
	u32 window;		/* pages looked at around the next fault here */
	u32 count;		/* pages mapped */
	struct chunk *next;	/* owned: same hash */
	u64 entry[CHUNK_PAGES]; /* that a mapped page was made from */
	u32 page[CHUNK_PAGES];	/* of the RAM file, plus 1; 0: not mapped */
	u8 prot[CHUNK_PAGES];
};

struct shadow {
	struct soft_vcpu *vcpu;		     /* borrowed */
	struct stub *stub;		     /* borrowed */
	struct chunk *hash[1u << HASH_BITS]; /* owned */
	u32 chunk_count;
	u32 pages;	  /* mapped, in all chunks */
	u32 mappings;	  /* the host's, about */
	u64 space;	  /* x86_cpu.tlb_space that all of this is true for */
	u64 page_flushes; /* seen of this half */
	bool taken;	  /* orders take something away */
	struct scan_cache scans;
};

struct shadow *shadow_create(struct soft_vcpu *vcpu, struct stub *stub)
{
	struct shadow *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->vcpu = vcpu;
	s->stub = stub;
	s->space = vcpu->cpu.tlb_space;
	s->page_flushes = vcpu->cpu.tlb_page_flushes[0];
	return s;
}

/* ---- chunks ---- */

static struct chunk **chunk_place(struct shadow *s, u64 address)
{
	u64 hash = (address >> CHUNK_SHIFT) * 0x9e3779b97f4a7c15u;
	struct chunk **at = &s->hash[hash >> (64 - HASH_BITS)];

	while (*at && (*at)->address != (address & ~(CHUNK_BYTES - 1)))
		at = &(*at)->next;
	return at;
}

static u64 host_page_of(const struct shadow *s, u32 page)
{
	return s->vcpu->vm->ram_hva + (u64)(page - 1) * PAGE;
}

/* Records that a page is no longer mapped. */
static void page_forget(struct shadow *s, struct chunk *chunk, u32 i)
{
	if (!chunk->page[i])
		return;
	if (chunk->prot[i] & PROT_WRITE)
		code_map_close(s->vcpu->vm, host_page_of(s, chunk->page[i]));
	chunk->page[i] = 0;
	chunk->count--;
	s->pages--;
}

static void chunk_forget(struct shadow *s, struct chunk *chunk)
{
	for (u32 i = 0; i < CHUNK_PAGES && chunk->count; i++)
		page_forget(s, chunk, i);
}

static void all_forget(struct shadow *s)
{
	for (u32 i = 0; i < 1u << HASH_BITS; i++)
		while (s->hash[i]) {
			struct chunk *chunk = s->hash[i];

			s->hash[i] = chunk->next;
			chunk_forget(s, chunk);
			free(chunk);
		}
	s->chunk_count = s->mappings = 0;
}

u32 shadow_pages(const struct shadow *s)
{
	return s->pages;
}

void shadow_free(struct shadow *s)
{
	if (!s)
		return;
	all_forget(s);
	free(s);
}

bool shadow_drop(struct shadow *s)
{
	u64 start, end;

	all_forget(s);
	stub_window(s->stub, &start, &end);
	stub_unmap(s->stub, 0, start);
	stub_unmap(s->stub, end, USER_END - end);
	return !stub_orders_run(s->stub);
}

/* ---- the guest's tables ---- */

/* What they say of a chunk. */
struct path {
	u64 upper[3]; /* A and D apart */
	gpa_t table;
	u64 all, any; /* of the entries above the last level */
	bool large;
};

static bool entry_read(struct soft_vcpu *vcpu, gpa_t table, u64 index, u64 *ret)
{
	const u8 *page = vcpu->cpu.ops->page(vcpu, table, false);

	if (!page)
		return false;
	*ret = __atomic_load_n((const u64 *)(const void *)(page + index * 8),
			       __ATOMIC_RELAXED);
	return true;
}

/* False: there is none, or a page of 1 GiB, which is not looked at. */
static bool path_find(struct soft_vcpu *vcpu, u64 address, struct path *ret)
{
	gpa_t table = vcpu->cpu.cr3 & ENTRY_FRAME;
	u64 entry;

	*ret = (struct path){.all = ~0ull};
	for (u32 i = 0, shift = 39; i < 3; i++, shift -= 9) {
		if (!entry_read(vcpu, table, address >> shift & 511, &entry) ||
		    !(entry & ENTRY_P) || (i < 2 && (entry & ENTRY_PS)))
			return false;
		ret->upper[i] = entry & ~(ENTRY_A | ENTRY_D);
		ret->all &= entry;
		ret->any |= entry;
		table = entry & ENTRY_FRAME;
	}
	ret->large = entry & ENTRY_PS;
	/* A and D of a large page are looked at as a small one's are. */
	if (ret->large)
		ret->upper[2] = entry;
	ret->table = table;
	return true;
}

static bool path_same(const struct path *path, const struct chunk *chunk)
{
	return !memcmp(path->upper, chunk->upper, sizeof(path->upper));
}

/* The last level's entry of page `i` of a chunk, as one of 4 KiB. */
static bool leaf_read(struct soft_vcpu *vcpu, const struct path *path, u32 i,
		      u64 *ret)
{
	if (!path->large)
		return entry_read(vcpu, path->table, i, ret);
	*ret = (path->upper[2] & ~(ENTRY_FRAME & (CHUNK_BYTES - 1))) +
	       (u64)i * PAGE;
	return true;
}

/* ---- filling ---- */

/* What a page would be mapped as. */
struct wish {
	u64 entry;
	u64 host;
	u32 page; /* of the RAM file, plus 1 */
	int prot; /* 0: not at all */
};

/* The page's host address in memory that stubs can map; 0: it is not. */
static u64 host_of(const struct shadow *s, gpa_t gpa, bool write)
{
	struct soft_vm *vm = s->vcpu->vm;
	u64 host = (u64)(uintptr_t)soft_page(vm, gpa, write);

	return host - vm->ram_hva < vm->ram_bytes ? host : 0;
}

/* What is behind page `i` in the same chunk; NULL: nobody knows. */
static const u8 *page_after(const struct shadow *s, const struct path *path,
			    u32 i)
{
	u64 entry;

	if (i + 1 == CHUNK_PAGES || !leaf_read(s->vcpu, path, i + 1, &entry) ||
	    !(entry & ENTRY_P))
		return NULL;
	return (const u8 *)(uintptr_t)host_of(s, entry & ENTRY_FRAME, false);
}

/* `how` is the access that was asked for, at `offset`, of which the walk has said
 * that it is allowed; WISH_AROUND: nobody has asked. */
#define WISH_AROUND 0x100u

static enum shadow_answer wish_make(struct shadow *s, const struct path *path,
				    u32 i, u32 how, u32 offset, struct wish *ret)
{
	struct code_map *map = s->vcpu->vm->code_map;
	bool around = how & WISH_AROUND, write, exec;
	u64 all, any;

	*ret = (struct wish){};
	if (!leaf_read(s->vcpu, path, i, &ret->entry))
		return SHADOW_NOT;
	all = path->all & ret->entry;
	any = path->any | ret->entry;
	if ((all & (ENTRY_P | ENTRY_US | ENTRY_A)) !=
	    (ENTRY_P | ENTRY_US | ENTRY_A))
		return SHADOW_NOT;
	write = (all & ENTRY_RW) && (ret->entry & ENTRY_D);
	exec = !(any & ENTRY_NX);
	/* What may be both is what was asked for, never both at once. */
	if (how & WALK_FETCH)
		write = false;
	else if ((how & WALK_WRITE) || write)
		exec = false;
	if ((how & WALK_WRITE) && !write)
		return SHADOW_NOT; /* changed meanwhile */
	if ((how & WALK_FETCH) && !exec)
		return SHADOW_NOT;
	ret->host = host_of(s, ret->entry & ENTRY_FRAME, write);
	if (!ret->host && write && !(how & WALK_WRITE)) {
		write = false; /* read-only memory */
		ret->host = host_of(s, ret->entry & ENTRY_FRAME, false);
	}
	if (!ret->host)
		return SHADOW_NOT;
	if (write && around && code_map_holds(map, ret->host))
		write = false;
	if (exec && scan_sensitive((const u8 *)(uintptr_t)ret->host,
				   page_after(s, path, i),
				   how & WALK_FETCH ? offset : 0, &s->scans)) {
		if (how & WALK_FETCH)
			return SHADOW_SENSITIVE;
		exec = false;
	}
	ret->page = (u32)((ret->host - s->vcpu->vm->ram_hva) / PAGE) + 1;
	ret->prot = PROT_READ | (write ? PROT_WRITE : 0) |
		    (exec ? PROT_EXEC : 0);
	return SHADOW_DONE;
}

/* A program that comes from a neighbour which it has used much of goes on so. */
static u32 window_begin(struct shadow *s, u64 address)
{
	const struct chunk *below = *chunk_place(s, address - CHUNK_BYTES);
	const struct chunk *above = *chunk_place(s, address + CHUNK_BYTES);
	u32 window = WINDOW_MIN;

	if (below)
		window = MAX(window, below->window / 2);
	if (above)
		window = MAX(window, above->window / 2);
	return window;
}

static struct chunk *chunk_get(struct shadow *s, u64 address,
			       const struct path *path)
{
	struct chunk **place = chunk_place(s, address), *chunk = *place;

	if (chunk && path_same(path, chunk))
		return chunk;
	if (chunk) { /* tables changed: nothing of it needs be true */
		chunk_forget(s, chunk);
		stub_unmap(s->stub, chunk->address, CHUNK_BYTES);
		s->taken = true;
	} else {
		if (s->chunk_count == CHUNKS_MAX) {
			if (!shadow_drop(s))
				return NULL;
			place = chunk_place(s, address);
		}
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->address = address & ~(CHUNK_BYTES - 1);
		chunk->window = window_begin(s, chunk->address);
		*place = chunk;
		s->chunk_count++;
	}
	memcpy(chunk->upper, path->upper, sizeof(chunk->upper));
	chunk->large = path->large;
	return chunk;
}

/* A run of pages that one order maps. */
struct run {
	u32 first, count;
	u32 page;
	int prot;
};

static void run_end(struct shadow *s, const struct chunk *chunk, struct run *run)
{
	if (run->count) {
		stub_map(s->stub, chunk->address + (u64)run->first * PAGE,
			 (u64)run->count * PAGE, (u64)(run->page - 1) * PAGE,
			 run->prot, true);
		s->mappings++;
	}
	run->count = 0;
}

static void page_add(struct shadow *s, struct chunk *chunk, struct run *run,
		     u32 i, const struct wish *wish)
{
	struct soft_vm *vm = s->vcpu->vm;

	/* Another page, or fewer rights. */
	s->taken |= chunk->page[i] && (chunk->page[i] != wish->page ||
				       (chunk->prot[i] & ~wish->prot));
	page_forget(s, chunk, i);
	if (wish->prot & PROT_WRITE)
		code_map_open(vm, s->vcpu, wish->host);
	chunk->entry[i] = wish->entry;
	chunk->page[i] = wish->page;
	chunk->prot[i] = (u8)wish->prot;
	chunk->count++;
	s->pages++;
	if (run->count &&
	    (run->first + run->count != i ||
	     run->page + run->count != wish->page || run->prot != wish->prot))
		run_end(s, chunk, run);
	if (!run->count)
		*run = (struct run){
			.first = i, .page = wish->page, .prot = wish->prot};
	run->count++;
}

/* The pages [first, end), with that of `address`, which is wanted for `how`. */
static enum shadow_answer pages_add(struct shadow *s, struct chunk *chunk,
				    const struct path *path, u64 address,
				    u32 how, u32 first, u32 end)
{
	struct run run = {};
	struct wish wish;
	u32 at = (u32)(address >> 12) & (CHUNK_PAGES - 1);
	enum shadow_answer answer =
		wish_make(s, path, at, how, (u32)address & (PAGE - 1), &wish);

	if (answer != SHADOW_DONE)
		return answer;
	for (u32 i = first; i < end; i++) {
		struct wish around;

		if (i == at)
			page_add(s, chunk, &run, i, &wish);
		else if (!chunk->page[i] && wish_make(s, path, i, WISH_AROUND,
						      0, &around) == SHADOW_DONE)
			page_add(s, chunk, &run, i, &around);
	}
	run_end(s, chunk, &run);
	return SHADOW_DONE;
}

/* How many pages around a fault are looked at: twice as many as around the one
 * before it in the same chunk, since a turn costs as much as some forty pages. */
static u32 window_next(struct chunk *chunk)
{
	u32 window = chunk->window;

	chunk->window = MIN(window * 2, CHUNK_PAGES);
	return chunk->large ? CHUNK_PAGES : window;
}

static bool in_reach(const struct shadow *s, u64 address)
{
	u64 start, end;

	stub_window(s->stub, &start, &end);
	return address >= LOWEST && address < USER_END &&
	       !(address >= (start & ~(CHUNK_BYTES - 1)) && address < end);
}

enum shadow_answer shadow_fill(struct shadow *s, u64 address, u32 how)
{
	struct x86_cpu *cpu = &s->vcpu->cpu;
	u32 at = (u32)(address >> 12) & (CHUNK_PAGES - 1), first, window;
	enum shadow_answer answer;
	struct chunk *chunk;
	struct path path;
	struct walk walk;

	if (!in_reach(s, address) ||
	    page_walk(cpu, address, how | WALK_USER, &walk) ||
	    !path_find(s->vcpu, address, &path))
		return SHADOW_NOT;
	if (s->mappings > MAPPINGS_MAX && !shadow_drop(s))
		return SHADOW_BROKEN;
	chunk = chunk_get(s, address, &path);
	if (!chunk)
		return SHADOW_BROKEN;
	window = window_next(chunk);
	first = at & ~(window - 1);
	answer = pages_add(s, chunk, &path, address, how, first, first + window);
	/* Only more is mapped than before, but for a chunk made anew. */
	if (s->taken ? stub_orders_run(s->stub) : stub_orders_start(s->stub))
		return SHADOW_BROKEN;
	s->taken = false;
	return answer;
}

bool shadow_just_filled(struct shadow *s, u64 address, u32 how)
{
	int prot = how & WALK_WRITE   ? PROT_WRITE
		   : how & WALK_FETCH ? PROT_EXEC
				      : PROT_READ;
	u32 i = (u32)(address >> 12) & (CHUNK_PAGES - 1);
	const struct chunk *chunk;

	if (!stub_orders_pending(s->stub))
		return false;
	chunk = *chunk_place(s, address);
	return !stub_orders_run(s->stub) && chunk && chunk->page[i] &&
	       (chunk->prot[i] & prot);
}

/* ---- flushes ---- */

/* Pages whose entries are no longer what they were made from. */
static void chunk_compare(struct shadow *s, struct chunk *chunk)
{
	const u64 *table;
	struct path path;
	u32 first = 0, count = 0;

	if (!chunk->count)
		return;
	if (!path_find(s->vcpu, chunk->address, &path) ||
	    !path_same(&path, chunk)) {
		chunk_forget(s, chunk);
		stub_unmap(s->stub, chunk->address, CHUNK_BYTES);
		return;
	}
	if (chunk->large) /* its only entry is in upper[] */
		return;
	table = (const void *)s->vcpu->cpu.ops->page(s->vcpu, path.table, false);
	for (u32 i = 0; i <= CHUNK_PAGES; i++) {
		bool gone = i < CHUNK_PAGES && chunk->page[i] &&
			    (!table || table[i] != chunk->entry[i]);

		if (gone) {
			page_forget(s, chunk, i);
			if (!count++)
				first = i;
		} else if (count) {
			stub_unmap(s->stub, chunk->address + (u64)first * PAGE,
				   (u64)count * PAGE);
			count = 0;
		}
	}
}

static void page_compare(struct shadow *s, u64 address)
{
	struct chunk *chunk = *chunk_place(s, address);

	if (chunk)
		chunk_compare(s, chunk);
}

static void all_compare(struct shadow *s)
{
	for (u32 i = 0; i < 1u << HASH_BITS; i++)
		for (struct chunk *c = s->hash[i]; c; c = c->next)
			chunk_compare(s, c);
}

bool shadow_sync(struct shadow *s)
{
	const struct x86_cpu *cpu = &s->vcpu->cpu;
	u64 now = cpu->tlb_page_flushes[0];

	if (s->space != cpu->tlb_space ||
	    now - s->page_flushes > TLB_FLUSHES_NOTED) {
		all_compare(s);
	} else {
		for (u64 i = s->page_flushes; i != now; i++)
			page_compare(
				s, cpu->tlb_flushed[0][i % TLB_FLUSHES_NOTED]);
	}
	s->space = cpu->tlb_space;
	s->page_flushes = now;
	return !stub_orders_run(s->stub);
}

bool shadow_page_close(struct shadow *s, u64 host_page)
{
	u32 page = (u32)((host_page - s->vcpu->vm->ram_hva) / PAGE) + 1;

	for (u32 h = 0; h < 1u << HASH_BITS; h++)
		for (struct chunk *c = s->hash[h]; c; c = c->next)
			for (u32 i = 0; i < CHUNK_PAGES && c->count; i++)
				if (c->page[i] == page &&
				    (c->prot[i] & PROT_WRITE)) {
					page_forget(s, c, i);
					stub_unmap(s->stub,
						   c->address + (u64)i * PAGE,
						   PAGE);
				}
	return !stub_orders_run(s->stub);
}
