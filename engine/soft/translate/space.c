/* SPDX-License-Identifier: MIT */
/*
 * The tables that belong to mappings: slots and jumps, and what becomes of them
 * when the guest changes CR3 or flushes its TLB.
 *
 * TR_USER's are one address space's. Where the guest goes to another one and
 * will come back, as PCIDs tell, its slots are put aside, and its jumps stay in
 * the table under a key that is not in force.
 */
#include <string.h>

#include "engine/core/paging/paging.h"
#include "engine/soft/translate/inside.h"

/* An empty slot matches an address only to fault: both sums are
 * non-canonical. */
static const struct tr_slot empty_site = {.page = BIT(63), .delta = BIT(62)},
			    empty_stack = {.page = BIT(63)};

u64 random_next(struct translator *tr)
{
	u64 x = tr->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	tr->random = x;
	return x;
}

/* ---- jumps ---- */

/* Who wants attention may have spoilt the key in force, which must not be
 * undone here: the loop in enter.c sets it. */
static void key_set(struct translator *tr, u32 table, u64 key)
{
	tr->key[table] = key;
	tr->vcpu->hot.jump_seed[table] = (u32)key;
	__atomic_store_n(&tr->vcpu->hot.jump_key[table],
			 tr->vcpu->hot.jump_poison, __ATOMIC_SEQ_CST);
}

/*
 * No jump that is in the table will be found again: keys are addresses under
 * XOR with a number nobody can guess.
 */
void jumps_reset(struct translator *tr, u32 table)
{
	key_set(tr, table, random_next(tr));
	memset(tr->jump_pages[table], 0, sizeof(tr->jump_pages[table]));
	if (table == TR_USER)
		for (u32 i = 0; i < TLB_CONTEXTS; i++)
			tr->kept[i].key = 0;
}

static u64 *jump_page(struct translator *tr, u32 table, u64 rip, u64 *ret_bit)
{
	u32 hash = (u32)((rip >> 12) * 0x9e3779b97f4a7c15u >> 52);

	_Static_assert(JUMP_PAGE_WORDS * 64 == 1 << 12, "the shift above");
	*ret_bit = BIT(hash & 63);
	return &tr->jump_pages[table][hash >> 6];
}

void space_jump_noted(struct translator *tr, u32 table, u64 rip)
{
	u64 bit, *word = jump_page(tr, table, rip, &bit);

	*word |= bit;
	if (table == TR_SYSTEM && !(rip >> 63))
		tr->vcpu->hot.low_used = 1;
}

static void jumps_flush_page(struct translator *tr, u32 table, u64 page)
{
	u64 bit, *word = jump_page(tr, table, page, &bit);

	if (*word & bit)
		jumps_reset(tr, table);
}

/* ---- slots ---- */

static struct tr_slot *sites(struct translator *tr, u32 table, bool write,
			     u32 *ret_count)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	*ret_count = table == TR_USER ? TR_SITES_USER : TR_SITES_SYSTEM;
	return table == TR_USER ? hot->site_user[write]
				: hot->site_system[write];
}

static void sites_empty(struct tr_slot *site, u32 count)
{
	for (u32 i = 0; i < count; i++)
		site[i] = empty_site;
}

void slots_reset(struct translator *tr, u32 table)
{
	for (u32 write = 0; write < 2; write++) {
		u32 count;
		struct tr_slot *site = sites(tr, table, write, &count);

		sites_empty(site, count);
	}
	tr->vcpu->hot.stack[table] = empty_stack;
	if (table == TR_SYSTEM)
		tr->vcpu->hot.low_used = 0;
}

/* No slot gives a right to write any more. */
void slots_forget_writes(struct translator *tr)
{
	for (u32 table = 0; table < 2; table++) {
		u32 count;
		struct tr_slot *site = sites(tr, table, true, &count);

		sites_empty(site, count);
		tr->vcpu->hot.stack[table] = empty_stack;
	}
	for (u32 i = 0; i < TLB_CONTEXTS; i++) {
		if (!tr->kept[i].space)
			continue;
		sites_empty(tr->kept[i].site[1], TR_SITES_USER);
		tr->kept[i].stack = empty_stack;
	}
}

static void slots_flush_page(struct translator *tr, u32 table, u64 page)
{
	for (u32 write = 0; write < 2; write++) {
		u32 count;
		struct tr_slot *site = sites(tr, table, write, &count);

		for (u32 i = 0; i < count; i++)
			if (site[i].page == page)
				site[i] = empty_site;
	}
	if (tr->vcpu->hot.stack[table].page == page)
		tr->vcpu->hot.stack[table] = empty_stack;
}

/* ---- what the guest does ---- */

/* Single pages of one half were flushed since the last time. */
void space_pages_flushed(struct translator *tr, u32 half)
{
	const struct x86_cpu *cpu = &tr->vcpu->cpu;
	u64 now = cpu->tlb_page_flushes[half], then = tr->seen_page_flushes[half];
	bool system = half || tr->vcpu->hot.low_used;

	if (now - then > TLB_FLUSHES_NOTED) {
		if (!half) {
			slots_reset(tr, TR_USER);
			jumps_reset(tr, TR_USER);
		}
		if (system) {
			slots_reset(tr, TR_SYSTEM);
			jumps_reset(tr, TR_SYSTEM);
		}
		return;
	}
	for (; then != now; then++) {
		u64 page = cpu->tlb_flushed[half][then % TLB_FLUSHES_NOTED];

		if (!half) {
			slots_flush_page(tr, TR_USER, page);
			jumps_flush_page(tr, TR_USER, page);
		}
		if (system) {
			slots_flush_page(tr, TR_SYSTEM, page);
			jumps_flush_page(tr, TR_SYSTEM, page);
		}
	}
}

static struct kept_space *kept_find(struct translator *tr, u64 space)
{
	for (u32 i = 0; i < TLB_CONTEXTS; i++)
		if (tr->kept[i].space == space)
			return &tr->kept[i];
	return NULL;
}

static void space_keep(struct translator *tr)
{
	struct tr_hot *hot = &tr->vcpu->hot;
	struct kept_space *kept = NULL;

	for (u32 i = 0; i < TLB_CONTEXTS && !kept; i++)
		if (!tlb_space_kept(&tr->vcpu->cpu, tr->kept[i].space))
			kept = &tr->kept[i];
	if (!kept) {
		kept = &tr->kept[tr->kept_next];
		tr->kept_next = (tr->kept_next + 1) % TLB_CONTEXTS;
	}
	kept->space = tr->seen_space;
	kept->key = tr->key[TR_USER];
	kept->mode = tr->table_mode[TR_USER];
	memcpy(kept->site, hot->site_user, sizeof(kept->site));
	kept->stack = hot->stack[TR_USER];
}

static void space_take(struct translator *tr, struct kept_space *kept)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	key_set(tr, TR_USER, kept->key ? kept->key : random_next(tr));
	tr->table_mode[TR_USER] = kept->mode;
	memcpy(hot->site_user, kept->site, sizeof(kept->site));
	hot->stack[TR_USER] = kept->stack;
	kept->space = 0;
}

/* The kernel's slots of pages in the lower half, and its code there. */
static void system_lower_reset(struct translator *tr)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	if (!hot->low_used)
		return;
	slots_reset(tr, TR_SYSTEM);
	jumps_reset(tr, TR_SYSTEM);
}

/* Another lower half is in force. */
void space_changed(struct translator *tr)
{
	u64 space = tr->vcpu->cpu.tlb_space;
	struct kept_space *kept;

	if (tr->seen_space && tlb_space_kept(&tr->vcpu->cpu, tr->seen_space))
		space_keep(tr);
	kept = kept_find(tr, space);
	if (kept) {
		space_take(tr, kept);
	} else {
		slots_reset(tr, TR_USER);
		key_set(tr, TR_USER, random_next(tr));
	}
	system_lower_reset(tr);
	tr->seen_space = space;
}
