/* SPDX-License-Identifier: MIT */
/*
 * Where a guest operand is in the host: registers, and memory behind a check.
 *
 * Everything here leaves the guest's registers alone until the operand is known
 * to be reachable, so that the way out to tier 0 can be taken at any point.
 */
#include <assert.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

bool gpr_in_memory(u32 reg)
{
	return reg >= R12 && reg <= R15;
}

/* The host register that holds guest register `reg`; R12..R15 are loaded. */
u8 gpr_host(struct making *m, u32 reg, u8 scratch)
{
	if (reg == RSP) {
		sp_settle(m);
		return R_SP;
	}
	if (!gpr_in_memory(reg))
		return (u8)reg;
	emit_load(&m->e, scratch, IN_GS(GPR_AT(reg)));
	return scratch;
}

/* The same for an address, where a lag costs nothing: *disp takes it. */
static u8 base_host(struct making *m, u32 reg, u8 scratch, s64 *disp)
{
	if (reg != RSP)
		return gpr_host(m, reg, scratch);
	if (*disp + m->lag != (s32)(*disp + m->lag))
		sp_settle(m);
	*disp += m->lag;
	return R_SP;
}

static u32 gpr_of(u8 offset)
{
	return offset / 8u;
}

/* RSP with a displacement, no more: its distance from the head is known. */
static bool by_stack(const struct making *m, const struct insn *in)
{
	return m->stack_shared && m->sp_known &&
	       in->base_off == GPR_OFFSET(RSP) &&
	       in->index_off == GPR_OFFSET(GPR_ZERO) && in->seg == SEG_NONE &&
	       in->addr_size == CODE_64;
}

static struct place stack_place(struct making *m, s64 relative)
{
	if (!m->stack_delta) {
		emit_load(&m->e, R_AUX, IN_GS(HOT_AT(stack[m->table].host)));
		m->stack_delta = true;
	}
	return (struct place){.kind = PLACE_MEMORY,
			      .base = R_SP,
			      .index = R_AUX,
			      .disp = (s32)(relative + m->lag)};
}

static bool in_shared(const struct making *m, s64 relative, u32 bytes)
{
	s64 offset = m->sp_offset + relative;

	return offset >= m->low && offset + bytes <= m->high;
}

/* R14 = linear address of the operand. No flag changes. */
void access_address(struct making *m, const struct insn *in)
{
	struct place p = {.kind = PLACE_MEMORY,
			  .base = H_NONE,
			  .index = H_NONE,
			  .scale = in->scale};
	s64 disp = in->disp;

	if (in->base_off == GPR_OFFSET(GPR_RIP)) {
		emit_address_of(m, R_ADDR,
				m->insn[m->at].offset + in->len + disp);
		if (in->addr_size == CODE_32)
			emit_op32(&m->e, 0x8b, R_ADDR, IN_REG(R_ADDR));
	} else {
		if (in->base_off != GPR_OFFSET(GPR_ZERO))
			p.base = base_host(m, gpr_of(in->base_off), R_ADDR,
					   &disp);
		if (in->index_off != GPR_OFFSET(GPR_ZERO))
			p.index = gpr_host(m, gpr_of(in->index_off), R_TMP);
		p.disp = (s32)disp;
		if (in->addr_size == CODE_32)
			emit_lea32(&m->e, R_ADDR, p);
		else if (p.index == H_NONE && p.base != H_NONE && !p.disp)
			emit_load(&m->e, R_ADDR, IN_REG(p.base));
		else
			emit_lea(&m->e, R_ADDR, p);
	}
	if (in->seg == SEG_FS || in->seg == SEG_GS) {
		emit_load(&m->e, R_TMP, IN_GS(CPU_AT(segment_base[in->seg])));
		p = IN_MEMORY(R_ADDR, 0);
		p.index = R_TMP;
		emit_lea(&m->e, R_ADDR, p);
	}
}

static u32 size_class(u32 bytes)
{
	u32 class = 0;

	while (1u << class < bytes)
		class ++;
	return class;
}

/*
 * R14: linear address in, host address out. Flags must have been looked after.
 */
static void site_check(struct making *m, u32 bytes, bool write)
{
	struct translator *tr = m->tr;
	u32 *next = &tr->next_site[m->table][write];
	s32 slot = HOT_AT(site) +
		   (s32)(((m->table * 2 + write) * TR_SITES + *next) *
			 sizeof(struct tr_slot));
	struct emit *e = &m->e;
	u8 *miss;

	*next = (*next + 1) % TR_SITES;
	emit_op(e, 0x2b, R_ADDR, IN_GS(slot));
	emit_alu_imm(e, 7, IN_REG(R_ADDR), (s32)(4096 - bytes));
	miss = emit_jcc(e, 7); /* ja */
	emit_op(e, 0x03, R_ADDR, IN_GS(slot + 8));
	cold_add(m,
		 (struct cold){
			 .kind = COLD_MISS,
			 .from = miss,
			 .back = e->at,
			 .stub = tr->stub_miss[m->table][write][size_class(bytes)],
			 .arg = (u64)(s64)slot,
		 });
}

static void flags_for_check(struct making *m)
{
	if (m->insn[m->at].live_in)
		flags_want_saved(m);
	flags_destroyed(m);
}

struct place access_place(struct making *m, const struct insn *in, u32 bytes,
			  bool write)
{
	if (by_stack(m, in) && in_shared(m, in->disp, bytes))
		return stack_place(m, in->disp);
	flags_for_check(m);
	access_address(m, in);
	site_check(m, bytes, write);
	return IN_MEMORY(R_ADDR, 0);
}

struct place access_stack(struct making *m, s32 relative, u32 bytes, bool write)
{
	if (m->stack_shared && m->sp_known && in_shared(m, relative, bytes))
		return stack_place(m, relative);
	flags_for_check(m);
	emit_lea(&m->e, R_ADDR, IN_MEMORY(R_SP, relative + m->lag));
	site_check(m, bytes, write);
	return IN_MEMORY(R_ADDR, 0);
}
