/* SPDX-License-Identifier: MIT */
/*
 * Guest registers in the host's. Eleven and RSP have a home there; R12..R15 lie
 * in memory and come into a scratch register when they are read. What a scratch
 * register holds is remembered through the unit, so that the next use finds it;
 * a new value goes to memory at once, so that memory is right at every
 * instruction.
 *
 * An operand's register is pinned until its instruction is written.
 */
#include <assert.h>

#include "engine/soft/translate/inside.h"

bool gpr_in_memory(u32 reg)
{
	return reg >= R12 && reg <= R15;
}

static u8 *holds(struct making *m, u8 scratch)
{
	assert(scratch >= H_R13 && scratch <= H_R15);
	return &m->holds[scratch - H_R13];
}

static bool is_pinned(const struct making *m, u8 scratch)
{
	return m->pinned & BIT(scratch);
}

void scratch_pin(struct making *m, u8 host)
{
	m->pinned |= (u32)BIT(host);
}

void scratch_unpin(struct making *m, u8 host)
{
	m->pinned &= ~(u32)BIT(host);
}

static const u8 scratches[] = {H_R13, H_R14, H_R15};

u32 scratch_free_count(const struct making *m)
{
	u32 count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(scratches); i++)
		count += !is_pinned(m, scratches[i]);
	return count;
}

/* It is about to be written with something else. */
void scratch_take(struct making *m, u8 scratch)
{
	*holds(m, scratch) = HOLDS_NOTHING;
	if (scratch == R_ADDR)
		m->delta_slot = 0;
}

/* Nothing is held any more: C was called, or a unit begins. */
void scratch_forget(struct making *m)
{
	for (u32 i = 0; i < ARRAY_SIZE(scratches); i++)
		scratch_take(m, scratches[i]);
}

/* One that may be written: of those that keep guest registers the better to
 * lose. One of three is free at any time. */
u8 scratch_pick(struct making *m)
{
	bool tmp = !is_pinned(m, R_TMP), aux = !is_pinned(m, R_AUX);
	u8 scratch;

	if (!tmp && !aux) {
		assert(!is_pinned(m, R_ADDR));
		scratch = R_ADDR;
	} else if (!tmp || !aux) {
		scratch = tmp ? R_TMP : R_AUX;
	} else if (!*holds(m, R_TMP)) {
		scratch = R_TMP;
	} else if (*holds(m, R_AUX) == HOLDS_STACK) {
		scratch = R_TMP;
	} else if (!*holds(m, R_AUX)) {
		scratch = R_AUX;
	} else {
		scratch = m->last_used == R_TMP ? R_AUX : R_TMP;
	}
	scratch_take(m, scratch);
	return scratch;
}

static u8 found(struct making *m, u32 reg)
{
	for (u32 i = 0; i < ARRAY_SIZE(scratches); i++)
		if (*holds(m, scratches[i]) == reg)
			return scratches[i];
	return H_NONE;
}

static void keep(struct making *m, u32 reg, u8 host)
{
	if (host != R_ADDR)
		*holds(m, host) = (u8)reg;
	m->last_used = host;
	scratch_pin(m, host);
}

/* Is reading it as a memory operand no detour? */
bool gpr_not_held(struct making *m, u32 reg)
{
	return gpr_in_memory(reg) && found(m, reg) == H_NONE;
}

/* Where it is at home in a host register. */
static u8 home(struct making *m, u32 reg)
{
	if (reg == RSP) {
		sp_settle(m);
		return R_SP;
	}
	return (u8)reg;
}

/* The host register with the value of guest register `reg`. */
u8 gpr_host(struct making *m, u32 reg)
{
	u8 host;

	if (!gpr_in_memory(reg))
		return home(m, reg);
	host = found(m, reg);
	if (host == H_NONE) {
		host = scratch_pick(m);
		emit_load(&m->e, host, IN_GS(GPR_AT(reg)));
	}
	keep(m, reg, host);
	return host;
}

/* Where a whole new value of `reg` may be put; gpr_written() follows. */
u8 gpr_new(struct making *m, u32 reg)
{
	u8 host;

	if (!gpr_in_memory(reg))
		return home(m, reg);
	host = found(m, reg);
	if (host == H_NONE || is_pinned(m, host))
		host = scratch_pick(m);
	scratch_take(m, host);
	scratch_pin(m, host);
	return host;
}

/* Memory has a newer value of it. */
static void forget(struct making *m, u32 reg)
{
	u8 host = gpr_in_memory(reg) ? found(m, reg) : H_NONE;

	if (host != H_NONE)
		scratch_take(m, host);
}

/* The instruction has written `reg`, whose value is in `host`. */
void gpr_written(struct making *m, u32 reg, u8 host)
{
	if (reg == RSP)
		m->sp_known = false;
	if (!gpr_in_memory(reg))
		return;
	forget(m, reg);
	emit_store(&m->e, IN_GS(GPR_AT(reg)), host);
	keep(m, reg, host);
}
