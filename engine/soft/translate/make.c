/* SPDX-License-Identifier: MIT */
/*
 * Making one unit: reading, planning, writing, and the cold ends that stand
 * behind the straight code.
 */
#include <assert.h>
#include <string.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

/* Does the unit touch memory before it looks at the flags it was given? */
static bool wants_saved(const struct making *m)
{
	if (m->stack_shared)
		return true;
	for (u32 i = 0; i < m->count; i++) {
		if (m->insn[i].reads)
			return false;
		if (m->insn[i].in.flags & INSN_MEM)
			return true;
		if (m->insn[i].writes == FLAG_ARITH)
			return false;
	}
	return true;
}

static void stack_check(struct making *m)
{
	struct emit *e = &m->e;
	u8 *again = e->at, *field;
	s32 slot = HOT_AT(stack) + (s32)(m->table * sizeof(struct tr_slot));

	emit_lea(e, R_TMP, IN_MEMORY(R_SP, m->low));
	emit_op(e, 0x2b, R_TMP, IN_GS(slot));
	emit_alu_imm(e, 7, IN_REG(R_TMP), 4096 - (m->high - m->low));
	field = emit_jcc(e, 7);
	cold_add(m, (struct cold){.kind = COLD_STACK,
				  .from = field,
				  .back = again,
				  .stub = m->tr->stub_stack[m->table]});
	emit_load(e, R_AUX, IN_GS(slot + 8));
	m->holds[R_AUX - H_R13] = HOLDS_STACK;
}

/* The two entries, and the shared check of the stack. */
static void head(struct making *m)
{
	struct tr_unit *unit = m->unit;

	unit->entry_saved = unit->entry_host = m->e.at;
	if (!m->insn[0].live_in) {
		m->flags_at = FLAGS_DEAD;
	} else if (wants_saved(m)) {
		emit_flags_save(&m->e, R_TMP);
		unit->entry_saved = m->e.at;
		m->flags_at = FLAGS_SAVED;
	} else {
		emit_flags_restore(&m->e, R_TMP);
		unit->entry_host = m->e.at;
		m->flags_at = FLAGS_HOST;
	}
	if (m->stack_shared)
		stack_check(m);
	unit->stack_shared = m->stack_shared;
	m->loop = m->e.at;
}

/* exit_arg = the instruction's linear address; CPL 3: its offset. */
static void insn_address_note(struct making *m, u32 offset, u8 scratch)
{
	emit_mov_imm(&m->e, scratch, m->page + offset);
	emit_store(&m->e, IN_GS(HOT_AT(exit_arg)), scratch);
}

static void cold_write(struct making *m, const struct cold *c)
{
	struct translator *tr = m->tr;
	struct emit *e = &m->e;
	struct tr_exit *exit;
	bool host;

	emit_fix(c->from, e->at);
	switch (c->kind) {
	case COLD_MISS:
		emit_byte(e, 0x68); /* push imm32 */
		emit_u32(e, (u32)c->arg);
		emit_fix(emit_call(e), c->stub);
		break;
	case COLD_CALL:
		emit_fix(emit_call(e), c->stub);
		break;
	case COLD_STACK:
		emit_byte(e, 0x68);
		emit_u32(e, (u32)((u8 *)m->unit - tr->meta));
		emit_byte(e, 0x68);
		emit_u32(e, (u32)m->low);
		emit_byte(e, 0x68);
		emit_u32(e, (u32)(m->high - m->low));
		emit_fix(emit_call(e), c->stub);
		break;
	case COLD_TIER0:
		if (c->lag)
			emit_lea_for(m, R_SP, IN_MEMORY(R_SP, c->lag));
		insn_address_note(m, c->offset, R_TMP);
		host = c->flags_at == FLAGS_HOST;
		emit_fix(emit_jmp(e),
			 host ? tr->stub_tier0_host : tr->stub_tier0_saved);
		return;
	case COLD_INDIRECT:
		insn_address_note(m, c->offset, R_AUX); /* R13 is the key */
		emit_store_imm(e, IN_GS(HOT_AT(undo)), (s32)c->arg);
		emit_fix(emit_jmp(e), tr->stub_indirect);
		return;
	default:
		exit = &m->unit->exit[c->arg];
		if (exit->stub) { /* the poll's: the same stub */
			emit_fix(c->from, m->unit->code + exit->stub);
			return;
		}
		exit->stub = (u32)(e->at - m->unit->code) & 0xffffff;
		emit_mov_imm(e, R_TMP, (u64)(uintptr_t)exit);
		emit_store(e, IN_GS(HOT_AT(exit_arg)), R_TMP);
		host = exit->flags_at == FLAGS_HOST;
		emit_fix(emit_jmp(e),
			 host ? tr->stub_direct_host : tr->stub_direct_saved);
		return;
	}
	/* The three that come back, or fault where they return to. */
	assert(m->map_count < UNIT_MAP_MAX);
	m->map[m->map_count++] = (struct tr_map){
		.code = (u16)(e->at - m->unit->code),
		.offset = c->offset,
		.lag = (s16)c->lag,
		.flags_at = c->flags_at,
		.faults_first = c->faults_first,
	};
	emit_fix(emit_jmp(e), c->back);
}

/* False: no memory for it. */
static bool finish(struct making *m)
{
	struct translator *tr = m->tr;
	struct tr_unit *unit = m->unit;

	unit->exit_count = (u16)m->exit_count;
	unit->exit = meta_alloc(tr, m->exit_count * sizeof(m->exit[0]));
	if (!unit->exit)
		return false;
	for (u32 i = 0; i < m->exit_count; i++) {
		unit->exit[i] = m->exit[i];
		unit->exit[i].from = unit;
	}
	for (u32 i = 0; i < m->cold_count; i++)
		cold_write(m, &m->cold[i]);
	unit->map_count = (u16)m->map_count;
	unit->map = meta_alloc(tr, m->map_count * sizeof(m->map[0]));
	if (!unit->map || m->e.full)
		return false;
	memcpy(unit->map, m->map, m->map_count * sizeof(m->map[0]));
	unit->code_bytes = (u32)(m->e.at - unit->code);
	tr->code_used = (size_t)(m->e.at - tr->code);
	tr->code_used = (tr->code_used + 15) & ~(size_t)15;
	return true;
}

/* False: the unit ends with this instruction. */
static bool write_insn(struct making *m, const struct tr_insn *t)
{
	if (flow_insn(m, t) || copy_insn(m, t) || inline_insn(m, t))
		return true;
	helper_insn(m, t);
	return translator_goes_on(&t->in);
}

static void body(struct making *m)
{
	for (m->at = 0; m->at < m->count; m->at++) {
		m->pinned = 0;
		if (!write_insn(m, &m->insn[m->at]))
			return;
		plan_insn_done(m, &m->insn[m->at]);
	}
	m->at = m->count - 1;
	m->pinned = 0;
	m->at_end = true;
	if (!insn_leaves(&m->insn[m->at].in))
		exit_direct(m, m->insn[m->at].offset + m->insn[m->at].in.len,
			    m->live_at_end);
}

/*
 * The unit at RIP, whose first byte is at host. Nothing is kept of a unit that
 * cannot be made: NULL.
 */
struct tr_unit *unit_make(struct translator *tr, const struct unit_key *key,
			  const u8 *second)
{
	struct x86_cpu *cpu = &tr->vcpu->cpu;
	struct making *m = tr->making;
	struct tr_unit *unit;

	tr->full = tr->unit_count == tr->unit_max ||
		   tr->code_used + UNIT_CODE_MAX > tr->code_bytes ||
		   tr->meta_used + UNIT_META_MAX > META_BYTES;
	if (tr->full)
		return NULL;
	unit = unit_alloc(tr);
	memset(m, 0, offsetof(struct making, insn));
	*unit = (struct tr_unit){.host = key->host,
				 .rip = key->rip,
				 .cs = key->cs,
				 .mode = key->mode,
				 .table = cpu->cpl == 3 ? TR_USER : TR_SYSTEM};
	m->tr = tr;
	m->unit = unit;
	m->absolute = !code_floats(cpu);
	m->table = unit->table;
	m->code_size = cpu->code;
	m->page = m->absolute ? key->rip & ~0xfffull : 0;
	m->linear_mask = cpu->linear_mask;
	if (m->code_size != CODE_64)
		small_begin(m);
	unit->code = tr->code + tr->code_used;
	m->e = (struct emit){.at = unit->code, .end = tr->code + tr->code_bytes};
	if (!scan(m, (const u8 *)(uintptr_t)key->host, second))
		return NULL;
	m->sp_known = true;
	plan(m);
	head(m);
	body(m);
	if (!finish(m))
		return NULL;
	unit_insert(tr, unit);
	return unit;
}
