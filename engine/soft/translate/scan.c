/* SPDX-License-Identifier: MIT */
/*
 * Reading guest code: which instructions a unit has, and which flags are still
 * wanted where.
 */
#include <string.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

#define LOOK_AHEAD 8 /* instructions */

/* A branch that may be passed: the unit has a way out there and goes on. */
static bool may_pass(const struct insn *in)
{
	switch (in->id) {
	case INSN_JCC:
	case INSN_LOOP:
	case INSN_LOOPE:
	case INSN_LOOPNE:
	case INSN_JCXZ:
		return true;
	default:
		return false;
	}
}

static bool ends_unit(const struct insn *in)
{
	return !may_pass(in) && !translator_goes_on(in);
}

/* A count that is known not to be zero leaves no flag as it was. */
static u16 flags_read(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	u32 mask = in->op_size == 3 ? 63 : 31;
	u16 reads = row->flags_read & FLAG_ARITH;

	switch (in->id) {
	case INSN_SHL:
	case INSN_SHR:
	case INSN_SAR:
		return row->op[1] == OP_Ib && (in->imm & mask) ? 0 : reads;
	case INSN_JCC:
	case INSN_SETCC:
	case INSN_CMOVCC: {
		static const u16 needs[8] = {
			FLAG_OF,	   FLAG_CF,
			FLAG_ZF,	   FLAG_CF | FLAG_ZF,
			FLAG_SF,	   FLAG_PF,
			FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF};

		return needs[in->cond >> 1 & 7];
	}
	default:
		return reads;
	}
}

/* Near, and always taken. */
bool insn_leaves(const struct insn *in)
{
	switch (in->id) {
	case INSN_JMP_REL:
	case INSN_JMP_NEAR:
	case INSN_CALL_REL:
	case INSN_CALL_NEAR:
	case INSN_RET:
		return true;
	default:
		return false;
	}
}

/* Of those that are written again here. */
bool insn_uses_stack(const struct insn *in)
{
	switch (in->id) {
	case INSN_PUSH:
	case INSN_POP:
	case INSN_LEAVE:
	case INSN_CALL_REL:
	case INSN_CALL_NEAR:
	case INSN_RET:
		return true;
	default:
		return false;
	}
}

/* Runs on tier 0, which looks at all of RFLAGS. */
static bool by_handler(const struct insn *in)
{
	return !(insn_rows[in->row].attr & ROW_COPYABLE) && !insn_leaves(in) &&
	       !insn_uses_stack(in) && !may_pass(in) && !small_copies(in);
}

/* All flags may be looked at there, or behind. */
static bool shows_flags(const struct insn *in)
{
	return (insn_rows[in->row].attr & (ROW_BRANCH | ROW_END) ||
		by_handler(in)) &&
	       !inline_is_flagless(in);
}

/* Of a branch: is its target simply so far behind it? */
static bool is_whole(const struct making *m, const struct insn *in)
{
	return in->op_size == (m->code_size == CODE_64 ? 3 : 2) && !m->keyed;
}

/*
 * The flags that code at `offset` of the page may read before it writes them.
 * The answer holds for as long as the page's bytes do, and so does the unit.
 */
static u16 flags_wanted_at(const struct making *m, const u8 *page, s64 offset)
{
	u16 unwritten = FLAG_ARITH, wanted = 0;

	for (u32 i = 0; i < LOOK_AHEAD && unwritten; i++) {
		u8 bytes[INSN_LEN_MAX];
		struct insn in;

		if (!exit_is_near(offset))
			break;
		memcpy(bytes, page + offset, sizeof(bytes));
		if (decode_insn_for(
			    bytes, sizeof(bytes), (enum code_size)m->code_size,
			    m->tr->vcpu->cpu.vendor_amd, &in) != DECODE_OK)
			break;
		offset += in.len;
		if (in.id == INSN_JMP_REL && is_whole(m, &in)) {
			offset += (s64)in.imm;
			continue;
		}
		wanted |= flags_read(&in) & unwritten;
		if (shows_flags(&in))
			break;
		unwritten &= (u16)~insn_rows[in.row].flags_written;
	}
	return wanted | unwritten;
}

/* Flags that are wanted where a branch leads to. */
static u16 flags_at_target(const struct making *m, const u8 *page,
			   const struct tr_insn *t)
{
	s64 target = (s64)t->offset + t->in.len + (s64)t->in.imm;

	switch (t->in.id) {
	case INSN_JCC:
	case INSN_JMP_REL:
	case INSN_CALL_REL:
	case INSN_LOOP:
	case INSN_JCXZ:
		if (!is_whole(m, &t->in) && !small_target(m, t, &target))
			return FLAG_ARITH;
		return flags_wanted_at(m, page, target);
	default:
		return FLAG_ARITH;
	}
}

/* `page`: the guest's bytes that may be looked at, NULL: none. Who writes them
 * meanwhile drops the unit, which is in that page. */
static void flags_trace(struct making *m, const u8 *page)
{
	const struct tr_insn *last = &m->insn[m->count - 1];
	u16 live = FLAG_ARITH;

	if (page && !(insn_rows[last->in.row].attr & (ROW_BRANCH | ROW_END)))
		live = flags_wanted_at(m, page, last->offset + last->in.len);
	m->live_at_end = live;
	for (u32 i = m->count; i-- > 0;) {
		struct tr_insn *t = &m->insn[i];
		const struct insn_row *row = &insn_rows[t->in.row];

		t->writes = row->flags_written & FLAG_ARITH;
		t->reads = flags_read(&t->in);
		t->live_at_target = FLAG_ARITH;
		if (shows_flags(&t->in)) {
			if (page)
				t->live_at_target = flags_at_target(m, page, t);
			if (!may_pass(&t->in))
				live = 0;
			live |= t->live_at_target;
			t->writes = 0;
		}
		if (by_handler(&t->in) && !inline_is_flagless(&t->in))
			t->reads = FLAG_ARITH;
		t->live = live;
		live = (u16)((live & ~t->writes) | t->reads);
		t->live_in = live;
	}
}

/* An instruction over the edge of the page is a unit of its own. */
static bool scan_crosser(struct making *m, const u8 *bytes, u32 first,
			 const u8 *second)
{
	struct tr_insn *t = &m->insn[0];
	u8 both[2 * INSN_LEN_MAX];
	u32 have = 4096 - first;

	if (!second || have >= INSN_LEN_MAX || small_room(m) < INSN_LEN_MAX)
		return false;
	memcpy(both, bytes, have);
	memcpy(both + have, second, INSN_LEN_MAX);
	if (decode_insn_for(both, have + INSN_LEN_MAX,
			    (enum code_size)m->code_size,
			    m->tr->vcpu->cpu.vendor_amd, &t->in) != DECODE_OK)
		return false;
	t->offset = (u16)first;
	m->count = 1;
	m->unit->bytes = t->in.len;
	m->unit->crc = unit_crc(both, t->in.len);
	m->unit->host2 = (u64)(uintptr_t)second;
	m->unit->calls = true; /* its bytes do not stand in a row */
	flags_trace(m, NULL);
	return true;
}

/* False: not even one instruction could be read. `second` is the page behind,
 * or NULL where that is not to be looked at. */
bool scan(struct making *m, const u8 *host, const u8 *second)
{
	u32 first = (u32)((uintptr_t)host & 4095), at = 0;
	u8 bytes[UNIT_INSNS_MAX * INSN_LEN_MAX];
	u32 room = MIN(4096 - first, (u32)sizeof(bytes));

	room = MIN(room, small_room(m));
	/* Once: another vCPU may be writing it. */
	memcpy(bytes, host, room);
	while (m->count < UNIT_INSNS_MAX && at < room) {
		struct tr_insn *t = &m->insn[m->count];

		if (decode_insn_for(
			    bytes + at, room - at, (enum code_size)m->code_size,
			    m->tr->vcpu->cpu.vendor_amd, &t->in) != DECODE_OK)
			break;
		/* Comparison with tier 0 knows registers and memory only. */
		if (m->tr->verify && m->count && by_handler(&t->in))
			break;
		t->offset = (u16)(first + at);
		at += t->in.len;
		m->count++;
		m->unit->undefined |= insn_rows[t->in.row].flags_undefined &
				      FLAG_ARITH;
		if (by_handler(&t->in))
			m->unit->calls = true;
		if (ends_unit(&t->in) || (m->tr->verify && m->unit->calls))
			break;
	}
	if (!m->count)
		return scan_crosser(m, bytes, first, second);
	m->unit->bytes = (u16)at;
	m->unit->crc = unit_crc(bytes, at);
	/* Nobody may tell when bytes beyond the unit's own have changed. */
	flags_trace(m, m->tr->vcpu->vm->writes_told ? host - first : NULL);
	return true;
}
