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
	tr->jump_epoch[table]++;
	memset(tr->jump_pages[table], 0, sizeof(tr->jump_pages[table]));
	if (table != TR_USER)
		return;
	tr->user_upper = false;
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
	if (table == TR_USER && rip >> 63)
		tr->user_upper = true;
}

static void jumps_flush_page(struct translator *tr, u32 table, u64 page)
{
	u64 bit, *word = jump_page(tr, table, page, &bit);

	if (*word & bit)
		jumps_reset(tr, table);
}

/* ---- slots ---- */

static void sites_empty(struct tr_slot *site, u32 count)
{
	for (u32 i = 0; i < count; i++)
		site[i] = empty_site;
}

static struct tr_slot *touched_slot(struct translator *tr, u32 index)
{
	struct soft_vcpu *vcpu = tr->vcpu;

	return (struct tr_slot *)(void *)((u8 *)&vcpu->cpu +
					  vcpu->hot.touched[index]);
}

static void user_slots_reset(struct translator *tr)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	if (hot->touched_lost)
		sites_empty(hot->site_user[0], 2 * TR_SITES_USER);
	for (u32 i = 0; i < hot->touched_count; i++)
		*touched_slot(tr, i) = empty_site;
	hot->touched_count = hot->touched_lost = 0;
}

void slots_reset(struct translator *tr, u32 table)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	if (table == TR_USER) {
		user_slots_reset(tr);
	} else {
		sites_empty(hot->site_system[0], 2 * TR_SITES_SYSTEM);
		hot->low_used = 0;
	}
	hot->stack[table] = hot->stack_before[table] = empty_stack;
}

void slots_create(struct translator *tr)
{
	tr->vcpu->hot.touched_lost = 1;
	slots_reset(tr, TR_USER);
	slots_reset(tr, TR_SYSTEM);
}

/* No slot gives a right to write any more. */
void slots_forget_writes(struct translator *tr)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	sites_empty(hot->site_system[1], TR_SITES_SYSTEM);
	for (u32 table = 0; table < 2; table++)
		hot->stack[table] = hot->stack_before[table] = empty_stack;
	if (hot->touched_lost)
		sites_empty(hot->site_user[1], TR_SITES_USER);
	for (u32 i = 0; i < hot->touched_count; i++)
		if (touched_slot(tr, i) >= hot->site_user[1])
			*touched_slot(tr, i) = empty_site;
	for (u32 i = 0; i < TLB_CONTEXTS; i++)
		tr->kept[i].space = 0;
}

static void sites_flush_page(struct tr_slot *site, u32 count, u64 page)
{
	for (u32 i = 0; i < count; i++)
		if (site[i].page == page)
			site[i] = empty_site;
}

static void slots_flush_page(struct translator *tr, u32 table, u64 page)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	if (hot->stack[table].page == page)
		hot->stack[table] = empty_stack;
	if (hot->stack_before[table].page == page)
		hot->stack_before[table] = empty_stack;
	if (table == TR_SYSTEM)
		sites_flush_page(hot->site_system[0], 2 * TR_SITES_SYSTEM, page);
	else if (hot->touched_lost) /* rather once than all at each flush */
		user_slots_reset(tr);
	else
		for (u32 i = 0; i < hot->touched_count; i++)
			sites_flush_page(touched_slot(tr, i), 1, page);
}

/* ---- what the guest does ---- */

/* All of the upper half was flushed. */
void space_upper_flushed(struct translator *tr)
{
	slots_reset(tr, TR_SYSTEM);
	jumps_reset(tr, TR_SYSTEM);
	if (tr->user_upper)
		jumps_reset(tr, TR_USER);
}

/* Single pages of one half were flushed since the last time. */
void space_pages_flushed(struct translator *tr, u32 half)
{
	const struct x86_cpu *cpu = &tr->vcpu->cpu;
	u64 now = cpu->tlb_page_flushes[half],
	    then = tr->seen_page_flushes[half];
	bool system = half || tr->vcpu->hot.low_used;

	if (half && tr->user_upper)
		jumps_reset(tr, TR_USER);
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
	kept->stack = hot->stack[TR_USER];
	kept->count = hot->touched_lost ? 0 : hot->touched_count;
	for (u32 i = 0; i < kept->count; i++) {
		kept->touched[i] = hot->touched[i];
		kept->slot[i] = *touched_slot(tr, i);
	}
}

static void space_take(struct translator *tr, struct kept_space *kept)
{
	struct tr_hot *hot = &tr->vcpu->hot;

	key_set(tr, TR_USER, kept->key ? kept->key : random_next(tr));
	tr->table_mode[TR_USER] = kept->mode;
	hot->stack[TR_USER] = kept->stack;
	hot->touched_count = kept->count;
	for (u32 i = 0; i < kept->count; i++) {
		hot->touched[i] = kept->touched[i];
		*touched_slot(tr, i) = kept->slot[i];
	}
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
	slots_reset(tr, TR_USER);
	if (kept)
		space_take(tr, kept);
	else
		key_set(tr, TR_USER, random_next(tr));
	system_lower_reset(tr);
	tr->seen_space = space;
}
