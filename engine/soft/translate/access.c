/* SPDX-License-Identifier: MIT */
/*
 * Where a guest operand in memory is in the host: behind a check.
 *
 * Everything here leaves the guest's registers alone until the operand is known
 * to be reachable, so that the way out to tier 0 can be taken at any point.
 *
 * A slot has a page's linear address and its distance to the host's. A check
 * leaves that distance in R14, and the operand is at [base + R14 + disp]. Where
 * later accesses go through the same base register, the first one's check
 * covers them, too; they only need the distance.
 */
#include <assert.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

static u32 gpr_of(u8 offset)
{
	return offset / 8u;
}

/* RSP with a displacement, no more: its distance from the head is known. */
static bool by_stack(const struct making *m, const struct insn *in)
{
	return m->stack_shared && m->sp_known &&
	       in->base_off == GPR_OFFSET(RSP) &&
	       in->index_off == GPR_OFFSET(GPR_ZERO) &&
	       in->seg == (m->code_size == CODE_64 ? SEG_NONE : SEG_SS) &&
	       in->addr_size == m->code_size;
}

static struct place stack_place(struct making *m, s64 relative)
{
	if (m->holds[R_AUX - H_R13] != HOLDS_STACK) {
		emit_load(&m->e, R_AUX, IN_GS(HOT_AT(stack[m->table].delta)));
		m->holds[R_AUX - H_R13] = HOLDS_STACK;
	}
	scratch_pin(m, R_AUX);
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

/* Base, index and displacement in host registers. RIP is not among them; a
 * distance that R12 is behind RSP costs nothing. */
static struct place parts(struct making *m, const struct insn *in)
{
	struct place p = {.kind = PLACE_MEMORY,
			  .base = H_NONE,
			  .index = H_NONE,
			  .scale = in->scale};
	s64 disp = in->disp;

	if (in->base_off == GPR_OFFSET(RSP)) {
		if (disp + m->lag != (s32)(disp + m->lag))
			sp_settle(m);
		disp += m->lag;
		p.base = R_SP;
	} else if (in->base_off != GPR_OFFSET(GPR_ZERO)) {
		p.base = gpr_host(m, gpr_of(in->base_off));
	}
	if (in->index_off != GPR_OFFSET(GPR_ZERO))
		p.index = gpr_host(m, gpr_of(in->index_off));
	p.disp = (s32)disp;
	return p;
}

/* reg = the sum, shortest. */
static void sum(struct making *m, u8 reg, struct place p)
{
	if (p.index == H_NONE && p.base != H_NONE && !p.disp)
		emit_load(&m->e, reg, IN_REG(p.base));
	else
		emit_lea(&m->e, reg, p);
}

static bool by_rip(const struct insn *in)
{
	return in->base_off == GPR_OFFSET(GPR_RIP);
}

static s64 rip_offset(const struct making *m, const struct insn *in)
{
	return m->insn[m->at].offset + in->len + in->disp;
}

/* LEA's result into `host`, zero-extended. No flag changes. */
void access_effective(struct making *m, const struct insn *in, u8 host)
{
	struct place p;

	if (by_rip(in)) {
		emit_address_of(m, host, rip_offset(m, in));
		if (in->addr_size == CODE_32)
			emit_op32(&m->e, 0x8b, host, IN_REG(host));
		return;
	}
	p = parts(m, in);
	if (in->addr_size == CODE_64)
		sum(m, host, p);
	else
		emit_lea32(&m->e, host, p);
	if (in->addr_size == CODE_16)
		emit_movzx16(&m->e, host, IN_REG(host));
}

/*
 * R14: linear address in, its distance to the host's out. Flags must have been
 * looked after. `strict`: others will read the slot afterwards, so it must hold
 * the page.
 */
static s32 site_check(struct making *m, u32 bytes, bool write, bool strict)
{
	struct translator *tr = m->tr;
	u32 *next = &tr->next_site[m->table][write];
	bool user = m->table == TR_USER;
	u32 count = user ? TR_SITES_USER : TR_SITES_SYSTEM;
	s32 slot = (user ? HOT_AT(site_user) : HOT_AT(site_system)) +
		   (s32)((write * count + *next) * sizeof(struct tr_slot));
	struct emit *e = &m->e;
	u8 *miss;

	_Static_assert(HOT_AT(jump) < 1 << MISS_SIZE_SHIFT, "see make_miss");
	*next = (*next + 1) % count;
	emit_op(e, 0x2b, R_ADDR, IN_GS(slot));
	emit_alu_imm(e, 7, IN_REG(R_ADDR), (s32)(4096 - bytes));
	miss = emit_jcc(e, 7); /* ja */
	emit_load(e, R_ADDR, IN_GS(slot + 8));
	cold_add(m, (struct cold){
			    .kind = COLD_MISS,
			    .from = miss,
			    .back = e->at,
			    .stub = tr->stub_miss[m->table][write][strict],
			    .arg = (u64)slot | (u64)bytes << MISS_SIZE_SHIFT,
		    });
	scratch_take(m, R_ADDR);
	scratch_pin(m, R_ADDR);
	return slot;
}

/* The flags are about to be destroyed by a check. */
void flags_make_way(struct making *m)
{
	if (m->insn[m->at].live_in)
		flags_want_saved(m);
	flags_destroyed(m);
}

/* One base register and a displacement: what shared checks are made for. */
bool access_is_simple(const struct insn *in)
{
	u32 base = gpr_of(in->base_off);

	return in->addr_size == CODE_64 && in->seg == SEG_NONE &&
	       in->index_off == GPR_OFFSET(GPR_ZERO) && base <= R15 &&
	       base != RSP;
}

static bool covers(const struct span_right *right, s32 disp, u32 bytes)
{
	return right->slot && disp >= right->low &&
	       (s64)disp + bytes <= right->high;
}

static struct place with_delta(u8 base, s32 disp)
{
	return (struct place){.kind = PLACE_MEMORY,
			      .base = base,
			      .index = base == H_NONE ? H_NONE : R_ADDR,
			      .disp = disp};
}

/* A check that was made covers this access as well. */
static struct place follower(struct making *m, const struct insn *in, s32 slot)
{
	u8 base = gpr_host(m, gpr_of(in->base_off));

	if (m->delta_slot != slot) {
		scratch_take(m, R_ADDR);
		emit_load(&m->e, R_ADDR, IN_GS(slot + 8));
		m->delta_slot = slot;
	}
	scratch_pin(m, R_ADDR);
	return with_delta(base, in->disp);
}

static struct place simple(struct making *m, const struct insn *in, u32 bytes,
			   bool write)
{
	const struct tr_insn *t = &m->insn[m->at];
	u32 base = gpr_of(in->base_off);
	s32 low = in->disp, high = in->disp + (s32)bytes, slot;
	struct place p;

	for (u32 w = write; w < 2; w++)
		if (covers(&m->right[w][base], in->disp, bytes))
			return follower(m, in, m->right[w][base].slot);
	flags_make_way(m);
	p = (struct place){.kind = PLACE_MEMORY,
			   .base = gpr_host(m, base),
			   .index = H_NONE};
	if (t->span_shared && t->span_low <= low && t->span_high >= high) {
		low = t->span_low;
		high = t->span_high;
	}
	p.disp = low;
	sum(m, R_ADDR, p);
	slot = site_check(m, (u32)(high - low), write, t->span_shared);
	if (t->span_shared) {
		m->right[write][base] = (struct span_right){slot, low, high};
		m->delta_slot = slot;
	}
	return with_delta(p.base, in->disp);
}

static struct place relative_to_code(struct making *m, const struct insn *in,
				     u32 bytes, bool write)
{
	s64 offset = rip_offset(m, in);

	emit_address_of(m, R_ADDR, offset);
	site_check(m, bytes, write, false);
	if (m->absolute) {
		s64 address = (s64)(m->page + (u64)offset);
		u8 host;

		if (address == (s32)address)
			return IN_MEMORY(R_ADDR, (s32)address);
		host = scratch_pick(m);
		scratch_pin(m, host);
		emit_mov_imm(&m->e, host, (u64)address);
		return with_delta(host, 0);
	}
	emit_op(&m->e, 0x03, R_ADDR, IN_GS(HOT_AT(code_page)));
	if (offset != (s32)offset) { /* a page beyond the reach of 32 bits */
		s32 part = offset < 0 ? INT32_MIN : INT32_MAX;

		emit_lea(&m->e, R_ADDR, IN_MEMORY(R_ADDR, part));
		offset -= part;
	}
	return IN_MEMORY(R_ADDR, (s32)offset);
}

static void add_segment(struct making *m, const struct insn *in, u8 host)
{
	if (in->seg == SEG_FS || in->seg == SEG_GS)
		emit_op(&m->e, 0x03, host, IN_GS(CPU_AT(segment_base[in->seg])));
}

/* Addresses of 32 bits, and those from RIP in a segment, are computed once and
 * kept. */
static struct place kept(struct making *m, const struct insn *in, u32 bytes,
			 bool write)
{
	struct place p;
	u8 host;

	if (by_rip(in)) {
		host = scratch_pick(m);
		access_effective(m, in, host);
	} else {
		p = parts(m, in);
		host = p.base >= H_R13 && p.base <= H_R15     ? p.base
		       : p.index >= H_R13 && p.index <= H_R15 ? p.index
							      : scratch_pick(m);
		emit_lea32(&m->e, host, p);
	}
	add_segment(m, in, host);
	scratch_take(m, host);
	m->pinned = (u32)BIT(host); /* of the parts it is all that is needed */
	emit_load(&m->e, R_ADDR, IN_REG(host));
	site_check(m, bytes, write, false);
	return with_delta(host, 0);
}

static struct place wide(struct making *m, const struct insn *in, u32 bytes,
			 bool write)
{
	struct place p = parts(m, in);

	sum(m, R_ADDR, p);
	add_segment(m, in, R_ADDR);
	site_check(m, bytes, write, false);
	add_segment(m, in, R_ADDR);
	if (p.index == H_NONE)
		return p.base == H_NONE ? IN_MEMORY(R_ADDR, p.disp)
					: with_delta(p.base, p.disp);
	if (p.base != H_NONE) {
		emit_op(&m->e, 0x03, R_ADDR, IN_REG(p.base));
		scratch_unpin(m, p.base);
		scratch_pin(m, p.index);
	}
	p.base = R_ADDR;
	return p;
}

/* In code that is not 64-bit; R14 is the offset in the segment. */
static struct place small_place(struct making *m, u32 seg, u32 bytes, bool write)
{
	u8 host = R_TMP;

	small_linear(m, seg, bytes);
	scratch_take(m, host);
	scratch_pin(m, host);
	emit_load(&m->e, host, IN_REG(R_ADDR));
	site_check(m, bytes, write, false);
	return with_delta(host, 0);
}

struct place access_place(struct making *m, const struct insn *in, u32 bytes,
			  bool write)
{
	if (by_stack(m, in) && in_shared(m, in->disp, bytes))
		return stack_place(m, in->disp);
	if (access_is_simple(in))
		return simple(m, in, bytes, write);
	flags_make_way(m);
	if (m->code_size != CODE_64) {
		access_effective(m, in, R_ADDR);
		return small_place(m, in->seg, bytes, write);
	}
	if (in->addr_size == CODE_32 ||
	    (by_rip(in) && (in->seg == SEG_FS || in->seg == SEG_GS)))
		return kept(m, in, bytes, write);
	if (by_rip(in))
		return relative_to_code(m, in, bytes, write);
	return wide(m, in, bytes, write);
}

/* A locked operand, at R14, that is not aligned may lie in two cache lines. */
void access_locked(struct making *m, u32 bytes)
{
	struct encoding test = {.opcode = 0xf6,
				.rm = IN_REG(R_ADDR),
				.imm_bytes = 1,
				.imm = bytes - 1};
	u8 *field;

	if (bytes == 1)
		return;
	emit_insn(&m->e, &test);
	field = emit_jcc(&m->e, 5);
	cold_add(m, (struct cold){.kind = COLD_TIER0, .from = field});
}

struct place access_stack(struct making *m, s32 relative, u32 bytes, bool write)
{
	if (m->stack_shared && m->sp_known && in_shared(m, relative, bytes))
		return stack_place(m, relative);
	flags_make_way(m);
	if (m->code_size != CODE_64) {
		emit_lea32(&m->e, R_ADDR, IN_MEMORY(R_SP, relative + m->lag));
		if (!m->stack32)
			emit_movzx16(&m->e, R_ADDR, IN_REG(R_ADDR));
		return small_place(m, SEG_SS, bytes, write);
	}
	emit_lea(&m->e, R_ADDR, IN_MEMORY(R_SP, relative + m->lag));
	site_check(m, bytes, write, false);
	return with_delta(R_SP, relative + m->lag);
}

/* R14 = the operand's host address; nothing else is needed for it then. */
struct place access_in_one(struct making *m, struct place p)
{
	if (p.kind != PLACE_MEMORY)
		return p;
	sum(m, R_ADDR, p);
	scratch_take(m, R_ADDR);
	m->pinned = (u32)BIT(R_ADDR);
	return IN_MEMORY(R_ADDR, 0);
}

struct place access_linear(struct making *m, const struct insn *in, u8 host,
			   u32 bytes, bool write, bool locked)
{
	struct place place = with_delta(host, 0);

	add_segment(m, in, host);
	emit_load(&m->e, R_ADDR, IN_REG(host));
	site_check(m, bytes, write, false);
	place = access_in_one(m, place);
	if (locked)
		access_locked(m, bytes);
	return place;
}
