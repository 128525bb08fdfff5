/* SPDX-License-Identifier: MIT */
/*
 * What is looked up before a unit is written: which memory accesses may share
 * one check of their address.
 */
#include <string.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

#define SHARED_MAX 2048 /* bytes of stack under one check */
#define ALL_GPRS   0xffffu

/* Written without being named, by what is not tier 0's to run. */
static u32 gprs_implied(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	switch (in->id) {
	case INSN_MUL:
	case INSN_IMUL1:
	case INSN_DIV:
	case INSN_IDIV:
	case INSN_CBW:
	case INSN_CWD:
	case INSN_CMPXCHG:
	case INSN_CMPXCHG8B:
	case INSN_CMPXCHG16B:
	case INSN_LAHF:
		return BIT(RAX) | BIT(RDX);
	case INSN_PUSH:
	case INSN_PUSHF:
	case INSN_POP:
	case INSN_CALL_REL:
	case INSN_CALL_NEAR:
	case INSN_RET:
		return BIT(RSP);
	case INSN_LEAVE:
		return BIT(RSP) | BIT(RBP);
	case INSN_JCC:
	case INSN_JMP_REL:
	case INSN_JMP_NEAR:
	case INSN_NOP:
		return 0;
	case INSN_LOOP:
	case INSN_JCXZ:
		return BIT(RCX);
	default:
		break;
	}
	if (inline_is_plain(in))
		return 0;
	if (!(row->attr & ROW_COPYABLE) && !small_copies(in))
		return ALL_GPRS;
	if (row->op[0] == OP_NONE)
		return BIT(RAX) | BIT(RCX) | BIT(RDX);
	for (u32 i = 0; i < ARRAY_SIZE(row->op) && row->op[i]; i++)
		if (row->op[i] == OP_AL || row->op[i] == OP_rAX ||
		    row->op[i] == OP_DX || row->op[i] == OP_CL ||
		    row->op[i] == OP_XMM0)
			return BIT(RAX) | BIT(RCX) | BIT(RDX);
	return row->attr & ROW_IMM_ID ? BIT(RCX) : 0; /* PCMPISTRI */
}

u32 plan_gprs_written(const struct insn *in)
{
	u32 implied = gprs_implied(in);

	return implied == ALL_GPRS ? implied : implied | copy_gprs_named(in);
}

struct stack_plan {
	u8 seg;	  /* enum insn_seg of the stack */
	s32 word; /* bytes of a PUSH */
	s32 offset, low, high;
	u32 accesses;
	bool left;   /* there was a way out */
	bool writes; /* before any */
};

static void plan_access(struct stack_plan *p, s64 offset, u32 bytes)
{
	s64 low = MIN((s64)p->low, offset),
	    high = MAX((s64)p->high, offset + bytes);

	if (!p->accesses) {
		low = offset;
		high = offset + bytes;
	}
	if (high - low > SHARED_MAX)
		return;
	p->low = (s32)low;
	p->high = (s32)high;
	p->accesses++;
}

/* One instruction's part; false: RSP is not known behind it. */
static bool plan_insn(const struct making *m, struct stack_plan *p,
		      const struct tr_insn *t)
{
	const struct insn *in = &t->in;
	const struct insn_row *row = &insn_rows[in->row];

	if ((in->flags & INSN_MEM) && in->base_off == GPR_OFFSET(RSP) &&
	    in->index_off == GPR_OFFSET(GPR_ZERO) && in->seg == p->seg &&
	    row->op[0] != OP_M && row->op[1] != OP_M) {
		plan_access(p, (s64)p->offset + in->disp, copy_memory_bytes(in));
		p->writes |= !p->left && (row->attr & ROW_MEM_WRITE);
	}
	p->left |= row->attr & ROW_BRANCH ? true : false;
	switch (in->id) {
	case INSN_PUSH:
	case INSN_PUSHF:
	case INSN_CALL_REL:
	case INSN_CALL_NEAR:
		if (1 << in->op_size != p->word)
			return false;
		p->offset -= p->word;
		plan_access(p, p->offset, (u32)p->word);
		p->writes |= !p->left;
		return true;
	case INSN_POP:
		if (1 << in->op_size != p->word)
			return false;
		plan_access(p, p->offset, (u32)p->word);
		p->offset += p->word;
		return in->reg != RSP;
	case INSN_RET:
		plan_access(p, p->offset, (u32)p->word);
		return true;
	case INSN_LEAVE:
		return false;
	default:
		break;
	}
	if (stack_adjustment(m, in)) {
		p->offset += stack_adjustment(m, in);
		return true;
	}
	return !(t->written & BIT(RSP));
}

static void plan_stack(struct making *m)
{
	struct stack_plan p = {.seg = SEG_NONE, .word = 8};

	if (m->unit->mode & MODE_PLAIN)
		return;
	if (m->code_size != CODE_64) {
		if (!small_stack_flat(m))
			return;
		p = (struct stack_plan){.seg = SEG_SS, .word = 4};
	}
	for (u32 i = 0; i < m->count; i++)
		if (!plan_insn(m, &p, &m->insn[i]))
			break;
	if (p.accesses < 2)
		return;
	m->stack_shared = true;
	m->unit->stack_writes = p.writes;
	m->low = p.low;
	m->high = p.high;
}

/* ---- base registers ---- */

struct span {
	u32 accesses;
	s32 low, high;
};

/* The access comes before those that the span has: does it cover both? */
static void span_add(struct span *span, s32 low, s32 high)
{
	s64 all_low = MIN(span->low, low), all_high = MAX(span->high, high);

	if (!span->accesses || all_high - all_low > SPAN_MAX)
		*span = (struct span){1, low, high};
	else
		*span = (struct span){span->accesses + 1, (s32)all_low,
				      (s32)all_high};
}

static void span_note(struct tr_insn *t, const struct span *span)
{
	t->span_shared = span->accesses > 1;
	t->span_low = span->low;
	t->span_high = span->high;
}

/* From the last instruction to the first: what is still to come through each
 * base register. A check for writing serves reads, too. */
static void plan_spans(struct making *m)
{
	struct span span[2][16] = {0}; /* [write][base] */
	bool plain = (m->unit->mode & MODE_PLAIN) ||
		     unit_is_plain(m->tr, m->unit->host);

	for (u32 i = m->count; i-- > 0;) {
		struct tr_insn *t = &m->insn[i];
		const struct insn *in = &t->in;
		bool write = insn_rows[in->row].attr & ROW_MEM_WRITE;
		u32 base = in->base_off / 8u, bytes;

		t->span_shared = false;
		if (plain)
			continue;
		for (u32 left = t->written; left; left &= left - 1) {
			u32 reg = (u32)__builtin_ctz(left);

			span[0][reg].accesses = span[1][reg].accesses = 0;
		}
		if (!(in->flags & INSN_MEM) || !access_is_simple(in))
			continue;
		bytes = flow_memory_bytes(in);
		if (!bytes && insn_rows[in->row].attr & ROW_COPYABLE)
			bytes = copy_memory_bytes(in);
		if (!bytes)
			continue;
		if (in->disp + (s64)bytes != (s32)(in->disp + (s64)bytes))
			continue;
		if (!write)
			span_add(&span[0][base], (s32)in->disp,
				 (s32)(in->disp + (s32)bytes));
		span_add(&span[1][base], (s32)in->disp,
			 (s32)(in->disp + (s32)bytes));
		span_note(t, &span[write][base]);
	}
}

void plan(struct making *m)
{
	for (u32 i = 0; i < m->count; i++)
		m->insn[i].written = plan_gprs_written(&m->insn[i].in);
	plan_stack(m);
	plan_spans(m);
}

/* A check holds for as long as its base register does. */
void plan_insn_done(struct making *m, const struct tr_insn *t)
{
	for (u32 left = t->written; left; left &= left - 1) {
		u32 reg = (u32)__builtin_ctz(left);

		m->right[0][reg].slot = m->right[1][reg].slot = 0;
	}
}
