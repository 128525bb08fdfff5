/* SPDX-License-Identifier: MIT */
/*
 * The code cache of one vCPU and everything that finds units: by key, by page,
 * by host code address, by jump.
 *
 * Code lives in one memfd mapped twice, writable and executable: no address is
 * ever both. Memory is handed out upwards; when it is used up everything is
 * dropped and filling starts again. Records of units (meta) die with it.
 */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/core/paging/mem.h"
#include "engine/core/paging/tlb.h"
#include "engine/soft/translate/inside.h"

static void *map_shared(int fd, size_t bytes, int protection)
{
	void *at = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void *map_private(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, bytes, MADV_DONTFORK); /* see block_cache_create() */
	return at;
}

static void unmap(void *at, size_t bytes)
{
	if (at)
		(void)munmap(at, bytes); /* our own mapping: cannot fail */
}

/* Both views of `bytes` of new memory; false: one of them could not be had. */
static bool views_map(size_t bytes, u8 **ret_write, u8 **ret_exec)
{
	int fd = memfd_create("keel-code", MFD_CLOEXEC);

	if (fd < 0)
		return false;
	if (ftruncate(fd, (off_t)bytes) == 0) {
		*ret_write = map_shared(fd, bytes, PROT_READ | PROT_WRITE);
		*ret_exec = map_shared(fd, bytes, PROT_READ | PROT_EXEC);
	}
	(void)close(fd); /* the mappings keep it */
	return *ret_write && *ret_exec;
}

bool translator_possible(void)
{
	u8 *write = NULL, *exec = NULL;
	bool possible = views_map(4096, &write, &exec);

	unmap(write, 4096);
	unmap(exec, 4096);
	return possible;
}

bool cache_create(struct translator *tr)
{
	tr->code_bytes = tr->options.cache_bytes ? tr->options.cache_bytes
						 : CODE_BYTES;
	tr->unit_max = (u32)(tr->code_bytes / 64);
	tr->meta = map_private(META_BYTES);
	tr->units = map_private(tr->unit_max * sizeof(tr->units[0]));
	return views_map(tr->code_bytes, &tr->code, &tr->code_exec) &&
	       tr->meta && tr->units;
}

void cache_free(struct translator *tr)
{
	unmap(tr->code, tr->code_bytes);
	unmap(tr->code_exec, tr->code_bytes);
	unmap(tr->meta, META_BYTES);
	unmap(tr->units, tr->unit_max * sizeof(tr->units[0]));
}

void *meta_alloc(struct translator *tr, size_t bytes)
{
	void *at = tr->meta + tr->meta_used;

	bytes = (bytes + 15) & ~(size_t)15;
	if (tr->meta_used + bytes > META_BYTES)
		return NULL;
	tr->meta_used += bytes;
	return at;
}

/* unit_make() has seen to the memory. */
struct tr_unit *unit_alloc(struct translator *tr)
{
	_Static_assert(offsetof(struct tr_unit, cs) == UNIT_ALIGN, "one line");
	tr->meta_used = (tr->meta_used + UNIT_ALIGN - 1) &
			~(size_t)(UNIT_ALIGN - 1);
	return meta_alloc(tr, sizeof(struct tr_unit));
}

/* The host's CRC32C: four bits a byte would do, eight bytes go at once. */
u32 unit_crc(const u8 *bytes, u32 count)
{
	u64 crc = count, word;

	for (; count >= 8; count -= 8, bytes += 8) {
		__builtin_memcpy(&word, bytes, 8);
		__asm__("crc32q %1, %0" : "+r"(crc) : "r"(word));
	}
	word = 0;
	for (u32 i = 0; i < count; i++)
		word |= (u64)bytes[i] << (8 * i);
	__asm__("crc32q %1, %0" : "+r"(crc) : "r"(word));
	return (u32)crc;
}

static u32 hash_of(u64 host, u32 mode)
{
	u64 hash = (host ^ (u64)mode << 7) * 0x9e3779b97f4a7c15u;

	return (u32)(hash >> (64 - HASH_BITS));
}

static u32 page_hash(u64 host_page)
{
	return (u32)((host_page >> 12) * 0x9e3779b97f4a7c15u >>
		     (64 - PAGE_HASH_BITS));
}

static u32 found_hash(u64 host)
{
	return (u32)(host * 0x9e3779b97f4a7c15u >> (64 - FOUND_BITS));
}

static bool unit_is(const struct tr_unit *unit, const struct unit_key *key)
{
	return unit->host == key->host && unit->mode == key->mode &&
	       unit->rip == key->rip &&
	       (!(key->mode & MODE_KEYED) || unit->cs == key->cs);
}

/* If it is one of those that were found last. What a new address space asks
 * for are the same some thousand again and again. */
struct tr_unit *unit_found(const struct translator *tr,
			   const struct unit_key *key)
{
	struct tr_unit *unit = tr->found[found_hash(key->host)];

	return unit && unit_is(unit, key) && !unit->dead ? unit : NULL;
}

struct tr_unit *unit_find(struct translator *tr, const struct unit_key *key)
{
	struct tr_unit *unit = tr->hash[hash_of(key->host, key->mode)];

	while (unit && !unit_is(unit, key))
		unit = unit->hash_next;
	if (unit)
		tr->found[found_hash(key->host)] = unit;
	return unit;
}

struct tr_page *page_find(const struct translator *tr, u64 host_page)
{
	struct tr_page *page = tr->pages[page_hash(host_page)];

	while (page && page->host != host_page)
		page = page->next;
	return page;
}

/* unit_make() has seen to the memory. */
static struct tr_page *page_make(struct translator *tr, u64 host_page)
{
	struct tr_page *page = page_find(tr, host_page);
	u32 index = page_hash(host_page);

	if (page)
		return page;
	page = meta_alloc(tr, sizeof(*page));
	assert(page);
	*page = (struct tr_page){.host = host_page,
				 .next = tr->pages[index],
				 .verified = tr->epoch};
	tr->pages[index] = page;
	return page;
}

/* Units come in the order of their code. */
void unit_insert(struct translator *tr, struct tr_unit *unit)
{
	struct tr_unit **slot = &tr->hash[hash_of(unit->host, unit->mode)];
	struct tr_page *page = page_make(tr, unit->host & ~4095ull), *second;

	unit->hash_next = *slot;
	*slot = unit;
	unit->page_next = page->units;
	page->units = unit;
	if (unit->host2) {
		second = page_make(tr, unit->host2);
		unit->cross_next = second->crossers;
		second->crossers = unit;
	}
	assert(tr->unit_count < tr->unit_max);
	tr->units[tr->unit_count++] = unit;
}

/* Of what stands in memory where the unit was read. */
u32 unit_crc_now(const struct tr_unit *unit)
{
	const u8 *host = (const u8 *)(uintptr_t)unit->host;
	u32 have = 4096 - (u32)(unit->host & 4095);
	u8 both[INSN_LEN_MAX];

	if (!unit->host2)
		return unit_crc(host, unit->bytes);
	memcpy(both, host, have);
	memcpy(both + have, (const u8 *)(uintptr_t)unit->host2,
	       unit->bytes - have);
	return unit_crc(both, unit->bytes);
}

struct tr_unit *unit_by_code(const struct translator *tr, u64 pc)
{
	u64 offset = pc - (u64)(uintptr_t)tr->code_exec;
	u32 low = 0, high = tr->unit_count;

	while (low < high) {
		u32 middle = (low + high) / 2;
		struct tr_unit *unit = tr->units[middle];
		u64 first = (u64)(unit->code - tr->code);

		if (offset < first)
			high = middle;
		else if (offset - first > unit->code_bytes)
			low = middle + 1;
		else
			return unit;
	}
	return NULL;
}

void exit_link(struct tr_exit *exit, struct tr_unit *to)
{
	u8 *entry = to->entry_saved;

	if (exit->flags_at == FLAGS_HOST)
		entry = to->entry_host;
	else if (exit->flags_at != FLAGS_SAVED) /* the one that does less */
		entry = MAX(to->entry_host, to->entry_saved);
	emit_fix(exit->from->code + exit->field, entry);
	exit->to = to;
	exit->next = to->links;
	to->links = exit;
}

static void exit_unlink(struct tr_exit *exit)
{
	struct tr_exit **link;

	if (!exit->to)
		return;
	link = &exit->to->links;
	while (*link != exit)
		link = &(*link)->next;
	*link = exit->next;
	exit->to = NULL;
	emit_fix(exit->from->code + exit->field, exit->from->code + exit->stub);
}

static void unit_drop(struct translator *tr, struct tr_unit *unit)
{
	struct tr_unit **link = &tr->hash[hash_of(unit->host, unit->mode)];

	if (unit->dead) /* with its other page */
		return;
	unit->dead = true;
	unit->plain = NULL;
	while (*link != unit)
		link = &(*link)->hash_next;
	*link = unit->hash_next;
	while (unit->links)
		exit_unlink(unit->links);
	for (u32 i = 0; i < unit->exit_count; i++)
		exit_unlink(&unit->exit[i]);
	jump_forget(tr, unit);
}

static u32 plain_hash(u64 host)
{
	return (u32)(host * 0x9e3779b97f4a7c15u >> (64 - PLAIN_BITS));
}

/* Drops it; the next unit there is made without shared checks. */
void unit_make_plain(struct translator *tr, struct tr_unit *unit)
{
	tr->plain_units[plain_hash(unit->host)] = 1;
	unit_drop(tr, unit);
	tr->link_from = NULL;
}

/* What shares its hash with such a one is a little slower. */
bool unit_is_plain(const struct translator *tr, u64 host)
{
	return tr->plain_units[plain_hash(host)];
}

static void page_units_drop(struct translator *tr, struct tr_page *page)
{
	if (!page->units && !page->crossers)
		return;
	for (struct tr_unit *u = page->units; u; u = u->page_next)
		unit_drop(tr, u);
	for (struct tr_unit *u = page->crossers; u; u = u->cross_next)
		unit_drop(tr, u);
	page->units = page->crossers = NULL;
	tr->dropped = true;
	tr->link_from = NULL;
}

void translator_drop_page(struct translator *tr, u64 host_page)
{
	struct tr_page *page = page_find(tr, host_page);

	if (page)
		page_units_drop(tr, page);
}

/* Units whose bytes are no longer those in memory go: all of the page's. */
bool page_verify(struct translator *tr, u64 host_page)
{
	struct tr_page *page = page_find(tr, host_page);

	if (!page || page->verified == tr->epoch)
		return true;
	page->verified = tr->epoch;
	for (struct tr_unit *u = page->units; u; u = u->page_next)
		if (!u->dead && unit_crc_now(u) != u->crc) {
			page_units_drop(tr, page);
			return false;
		}
	return true;
}

void translator_clear(struct translator *tr)
{
	if (tr->unit_count) { /* else they are as they came from the kernel */
		memset(tr->hash, 0, sizeof(tr->hash));
		memset(tr->found, 0, sizeof(tr->found));
		memset(tr->pages, 0, sizeof(tr->pages));
	}
	tr->unit_count = 0;
	tr->code_used = tr->code_first;
	tr->meta_used = 0;
	tr->link_from = NULL;
	tr->dropped = true;
	jumps_reset(tr, TR_USER);
	jumps_reset(tr, TR_SYSTEM);
}

static void all_writes_forget(struct x86_cpu *cpu)
{
	for (u32 class = 0; class < TLB_ALIGN; class ++)
		for (u32 half = 0; half < 2; half++)
			for (u32 i = 0; i < TLB_ENTRIES; i++)
				cpu->tlbs[class]->entry[half][i].write_tag = 0;
}

void translator_forget_writes(struct translator *tr)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;

	slots_forget_writes(tr);
	if (tr->writers.count <= WRITERS_MAX)
		for (u32 i = 0; i < tr->writers.count; i++)
			tr->writers.entry[i]->write_tag = 0;
	else
		all_writes_forget(cpu);
	tr->writers.count = 0;
	memset(tr->writers.host_pages, 0, sizeof(tr->writers.host_pages));
}

void translator_forget_writes_to(struct translator *tr, u64 host_page)
{
	if (writers_reach(&tr->writers, host_page))
		translator_forget_writes(tr);
}
