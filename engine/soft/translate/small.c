/* SPDX-License-Identifier: MIT */
/*
 * Code that is not 64-bit: what its units depend on, how its addresses become
 * linear ones, and its stack and branches.
 *
 * Segments. The mode word of a unit says of ES, CS, SS and DS how they may be
 * reached: as linear addresses, with a base, within a limit; base and limit are
 * read when the code runs. FS and GS, which systems of 32-bit code load anew at
 * each switch of tasks, are not in it: each access asks whether they have the
 * highest limit. What is stranger than that is tier 0's.
 *
 * Code segments. Where CS has no base and the highest limit, RIP is the linear
 * address, and all is as in 64-bit code. Elsewhere, and in all 16-bit code,
 * units belong to one base and limit of CS, which are constants in them; limits
 * of branches are then checked here, not when the code runs, except where the
 * target is not known before.
 */
#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

#define FLAT_LIMIT 0xffffffffu
#define FAST_BOTH  (SEG_FAST_READ | SEG_FAST_WRITE)

bool code_keyed(const struct x86_cpu *cpu)
{
	return cpu->code == CODE_16 ||
	       (cpu->code == CODE_32 && (cpu->segment_base[SEG_CS] ||
					 cpu->seg[SEG_CS].limit != FLAT_LIMIT));
}

/* Asked for when the code runs. */
static bool asked_late(u32 code_size, u32 seg)
{
	return code_size == CODE_32 && (seg == SEG_FS || seg == SEG_GS);
}

/* Of CS this is for reading; nothing writes through it in protected mode. */
static u32 reach_of(const struct x86_cpu *cpu, u32 seg)
{
	const struct x86_segment *s = &cpu->seg[seg];
	bool code = s->attr & SEG_CODE;
	u8 fast = cpu->segment_fast[seg];

	if (asked_late(cpu->code, seg))
		return REACH_BASE;
	if (fast == FAST_BOTH || (fast && seg == SEG_CS))
		return cpu->segment_base[seg] ? REACH_BASE : REACH_FLAT;
	if ((s->attr & SEG_UNUSABLE) || (!code && (s->attr & SEG_DC)))
		return REACH_NONE;
	if (protected_mode(cpu) &&
	    (!(s->attr & SEG_RW) || (code && seg != SEG_CS)))
		return REACH_NONE;
	return REACH_LIMIT;
}

u32 mode_now(const struct x86_cpu *cpu)
{
	u32 mode = cpu->block_mode;

	if (likely(cpu->code == CODE_64))
		return mode;
	for (u32 seg = SEG_ES; seg <= SEG_GS; seg++)
		mode |= reach_of(cpu, seg) << (MODE_SEGMENT_SHIFT + 2 * seg);
	if (cpu->stack32)
		mode |= MODE_STACK32;
	if (code_keyed(cpu))
		mode |= MODE_KEYED;
	return mode;
}

struct unit_key key_now(const struct x86_cpu *cpu, u64 host, u32 extra_mode)
{
	struct unit_key key = {.host = host,
			       .rip = code_linear(cpu),
			       .mode = mode_now(cpu) | extra_mode};

	if (key.mode & MODE_KEYED)
		key.cs = cpu->segment_base[SEG_CS] | (u64)cpu->seg[SEG_CS].limit
							     << 32;
	else if (cpu->cpl == 3)
		key.rip &= 0xfff;
	return key;
}

void small_begin(struct making *m)
{
	u32 mode = m->unit->mode;

	m->keyed = mode & MODE_KEYED;
	m->stack32 = mode & MODE_STACK32;
	m->cs_base = m->keyed ? (u32)m->unit->cs : 0;
	m->cs_limit = m->keyed ? (u32)(m->unit->cs >> 32) : FLAT_LIMIT;
	for (u32 seg = SEG_ES; seg <= SEG_GS; seg++)
		m->reach[seg] = mode >> (MODE_SEGMENT_SHIFT + 2 * seg) & 3;
	m->reach[SEG_NONE] = REACH_FLAT;
}

/* RIP of the first instruction is not beyond it: unit_here(). */
u32 small_room(const struct making *m)
{
	u32 first;

	if (!m->keyed)
		return FLAT_LIMIT;
	first = (u32)m->unit->rip - m->cs_base;
	return MIN(m->cs_limit - first, FLAT_LIMIT - 1) + 1;
}

bool small_stack_flat(const struct making *m)
{
	return m->code_size == CODE_32 && m->stack32 &&
	       m->reach[SEG_SS] == REACH_FLAT;
}

/* SS's interrupt shadow ends a unit in any case. */
bool small_loads_segment(const struct insn *in)
{
	switch (in->id) {
	case INSN_MOV_TO_SEG:
	case INSN_POP_SEG:
	case INSN_LDS:
	case INSN_LES:
	case INSN_LFS:
	case INSN_LGS:
		return true;
	default:
		return false;
	}
}

bool small_copies(const struct insn *in)
{
	switch (in->id) {
	case INSN_INC:
	case INSN_DEC:
	case INSN_LAHF:
	case INSN_SAHF:
	case INSN_MOV_MOFFS:
		return true;
	default:
		return false;
	}
}

/* --- memory --- */

/* May the instruction's memory operand be reached by generated code at all? */
bool small_reachable(const struct making *m, const struct insn *in)
{
	if (m->code_size == CODE_64 || !(in->flags & INSN_MEM))
		return true;
	if (in->seg == SEG_CS && protected_mode(&m->tr->vcpu->cpu) &&
	    (insn_rows[in->row].attr & ROW_MEM_WRITE))
		return false;
	return m->reach[in->seg] != REACH_NONE;
}

static void leave_if(struct making *m, u8 cond)
{
	u8 *field = emit_jcc(&m->e, cond);

	cold_add(m, (struct cold){.kind = COLD_TIER0, .from = field});
}

static void check_limit(struct making *m, u32 seg, u32 bytes)
{
	struct emit *e = &m->e;

	scratch_take(m, R_TMP);
	scratch_take(m, R_AUX);
	emit_lea(e, R_TMP, IN_MEMORY(R_ADDR, (s32)bytes - 1));
	emit_op32(e, 0x8b, R_AUX, IN_GS(CPU_AT(seg[seg].limit)));
	emit_op(e, 0x3b, R_TMP, IN_REG(R_AUX));
	leave_if(m, 7); /* above */
}

static void check_fast(struct making *m, u32 seg)
{
	struct encoding compare = {.opcode = 0x80,
				   .reg = 7,
				   .rm = IN_GS(CPU_AT(segment_fast[seg])),
				   .imm_bytes = 1,
				   .imm = FAST_BOTH};

	emit_insn(&m->e, &compare);
	leave_if(m, 5); /* not equal */
}

void small_linear(struct making *m, u32 seg, u32 bytes)
{
	if (m->reach[seg] == REACH_FLAT)
		return;
	if (m->reach[seg] == REACH_LIMIT)
		check_limit(m, seg, bytes);
	else if (asked_late(m->code_size, seg))
		check_fast(m, seg);
	emit_op32(&m->e, 0x03, R_ADDR, IN_GS(CPU_AT(segment_base[seg])));
}

/* MOV between AL, AX or EAX and an address in the instruction. */
bool small_moffs(struct making *m, const struct insn *in)
{
	u32 bytes = 1u << in->op_size;
	bool write = insn_rows[in->row].attr & ROW_MEM_WRITE;
	struct encoding c = {.opcode = (u8)(write ? 0x88 : 0x8a),
			     .opsize = bytes == 2,
			     .reg = H_RAX};
	struct insn plain = *in;

	if (m->code_size == CODE_64)
		return false;
	plain.base_off = plain.index_off = GPR_OFFSET(GPR_ZERO);
	plain.disp = (s32)in->imm;
	plain.flags |= INSN_MEM;
	if (!small_reachable(m, &plain))
		return false;
	c.rm = access_place(m, &plain, bytes, write);
	c.opcode |= bytes != 1;
	map_here(m);
	emit_insn(&m->e, &c);
	return true;
}

/* --- the stack --- */

static u32 width(const struct insn *in)
{
	return 1u << in->op_size;
}

static void move_sp(struct making *m, s32 delta)
{
	if (m->stack32) {
		sp_move(m, delta);
		return;
	}
	scratch_take(m, R_TMP);
	emit_lea32(&m->e, R_TMP, IN_MEMORY(R_SP, delta));
	emit_op16(&m->e, 0x89, R_TMP, IN_REG(R_SP));
}

static void store(struct making *m, struct place to, u8 reg, u32 bytes)
{
	map_here(m);
	if (bytes == 2)
		emit_op16(&m->e, 0x89, reg, to);
	else
		emit_op32(&m->e, 0x89, reg, to);
}

static void store_constant(struct making *m, struct place to, u32 value,
			   u32 bytes)
{
	struct encoding c = {.opcode = 0xc7,
			     .opsize = bytes == 2,
			     .rm = to,
			     .imm_bytes = (u8)bytes,
			     .imm = value};

	map_here(m);
	emit_insn(&m->e, &c);
}

/* Zero-extended; of a whole register. */
static void load_extended(struct making *m, u8 reg, struct place from, u32 bytes)
{
	if (bytes == 2)
		emit_movzx16(&m->e, reg, from);
	else
		emit_op32(&m->e, 0x8b, reg, from);
}

/* R14 = the operand of a near jump or call, or of PUSH. */
static void load_operand(struct making *m, const struct insn *in)
{
	struct place from;

	if (in->flags & INSN_MEM) {
		from = access_place(m, in, width(in), false);
		map_here(m);
	} else {
		from = IN_REG(gpr_host(m, in->rm));
	}
	load_extended(m, R_ADDR, from, width(in));
	scratch_take(m, R_ADDR);
	m->pinned = 0;
}

static void push_register(struct making *m, u32 reg, u32 bytes)
{
	struct place top;

	if (reg == RSP)
		sp_settle(m);
	top = access_stack(m, -(s32)bytes, bytes, true);
	store(m, top, gpr_host(m, reg), bytes);
}

/* What was loaded must outlive the check of the stack. */
static void push_memory(struct making *m, const struct insn *in)
{
	struct place top;
	u8 host;

	load_operand(m, in);
	emit_store(&m->e, IN_GS(HOT_AT(rip)), R_ADDR);
	top = access_stack(m, -(s32)width(in), width(in), true);
	host = scratch_pick(m);
	emit_load(&m->e, host, IN_GS(HOT_AT(rip)));
	store(m, top, host, width(in));
}

static bool push(struct making *m, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	u32 bytes = width(in);

	if (!small_reachable(m, in))
		return false;
	if (row->op[0] == OP_Zv)
		push_register(m, in->reg, bytes);
	else if (row->op[0] == OP_Iz || row->op[0] == OP_Ibs)
		store_constant(m, access_stack(m, -(s32)bytes, bytes, true),
			       (u32)in->imm, bytes);
	else if (in->flags & INSN_MEM)
		push_memory(m, in);
	else
		push_register(m, in->rm, bytes);
	move_sp(m, -(s32)bytes);
	return true;
}

static bool pop(struct making *m, const struct insn *in)
{
	u32 reg = insn_rows[in->row].op[0] == OP_Zv ? in->reg : in->rm;
	struct place top;

	if ((in->flags & INSN_MEM) || reg == RSP)
		return false;
	top = access_stack(m, 0, width(in), false);
	map_here(m);
	if (in->op_size == 1)
		emit_op16(&m->e, 0x8b, (u8)reg, top);
	else
		emit_op32(&m->e, 0x8b, (u8)reg, top);
	move_sp(m, (s32)width(in));
	return true;
}

static void leave(struct making *m, const struct insn *in)
{
	struct insn at_rbp = {.base_off = GPR_OFFSET(RBP),
			      .index_off = GPR_OFFSET(GPR_ZERO),
			      .seg = SEG_SS,
			      .addr_size = m->stack32 ? CODE_32 : CODE_16};
	struct place frame = access_place(m, &at_rbp, width(in), false);
	u8 host;

	m->pinned = 0;
	host = scratch_pick(m);
	map_here(m);
	load_extended(m, host, frame, width(in));
	if (m->stack32) {
		emit_lea32(&m->e, R_SP, IN_MEMORY(H_RBP, (s32)width(in)));
	} else {
		scratch_take(m, R_ADDR);
		emit_lea32(&m->e, R_ADDR, IN_MEMORY(H_RBP, (s32)width(in)));
		emit_op16(&m->e, 0x89, R_ADDR, IN_REG(R_SP));
	}
	if (in->op_size == 1)
		emit_op16(&m->e, 0x89, host, IN_REG(H_RBP));
	else
		emit_op32(&m->e, 0x89, host, IN_REG(H_RBP));
	m->lag = 0;
	m->sp_known = false;
}

/* --- branches --- */

/* Where a branch goes, relative to the page of the code; false: it faults, or
 * is cut to 16 bits where a page's place is not known. */
bool small_target(const struct making *m, const struct tr_insn *t, s64 *ret)
{
	s64 target = (s64)t->offset + t->in.len + (s64)t->in.imm;
	u32 ip;

	if (!m->keyed) {
		*ret = target;
		return t->in.op_size == 2;
	}
	ip = (u32)m->page - m->cs_base + (u32)target;
	if (t->in.op_size == 1)
		ip &= 0xffff;
	*ret = (s64)(u32)(m->cs_base + ip) - (s64)m->page;
	return ip <= m->cs_limit;
}

/* R14: from RIP to the linear address, if CS has it. */
static void go_linear(struct making *m, const struct insn *in)
{
	if (!m->keyed)
		return;
	if (m->cs_limit != FLAT_LIMIT &&
	    (in->op_size != 1 || m->cs_limit < 0xffff)) {
		flags_want_saved(m);
		flags_destroyed(m);
		emit_alu_imm32(&m->e, 7, IN_REG(R_ADDR), (s32)m->cs_limit);
		leave_if(m, 7); /* above */
	}
	if (m->cs_base)
		emit_lea32(&m->e, R_ADDR, IN_MEMORY(R_ADDR, (s32)m->cs_base));
}

static void push_return(struct making *m, const struct tr_insn *t)
{
	u32 bytes = width(&t->in);
	struct place top = access_stack(m, -(s32)bytes, bytes, true);
	s64 next = (s64)t->offset + t->in.len;

	if (m->absolute) {
		store_constant(m, top, (u32)m->page + (u32)next - m->cs_base,
			       bytes);
	} else {
		u8 host = scratch_pick(m);

		emit_rip_of(m, host, next);
		store(m, top, host, bytes);
	}
	move_sp(m, -(s32)bytes);
}

static bool call_rel(struct making *m, const struct tr_insn *t)
{
	s64 target;

	if (!small_target(m, t, &target))
		return false;
	push_return(m, t);
	exit_direct(m, target, t->live_at_target);
	return true;
}

static bool jmp_rel(struct making *m, const struct tr_insn *t)
{
	s64 target;

	if (!small_target(m, t, &target))
		return false;
	exit_direct(m, target, t->live_at_target);
	return true;
}

static bool near_indirect(struct making *m, const struct tr_insn *t)
{
	if (!small_reachable(m, &t->in))
		return false;
	load_operand(m, &t->in);
	go_linear(m, &t->in);
	if (t->in.id == INSN_CALL_NEAR) {
		emit_store(&m->e, IN_GS(HOT_AT(rip)), R_ADDR);
		push_return(m, t);
		scratch_take(m, R_ADDR);
		emit_load(&m->e, R_ADDR, IN_GS(HOT_AT(rip)));
	}
	exit_indirect(m, 0);
	return true;
}

static bool ret(struct making *m, const struct tr_insn *t)
{
	const struct insn_row *row = &insn_rows[t->in.row];
	u32 extra = row->op[0] == OP_Iw ? (u32)t->in.imm & 0xffff : 0;
	struct place top;

	if (extra > 8192)
		return false;
	top = access_stack(m, 0, width(&t->in), false);
	map_here(m);
	load_extended(m, R_ADDR, top, width(&t->in));
	scratch_take(m, R_ADDR);
	scratch_pin(m, R_ADDR);
	go_linear(m, &t->in);
	move_sp(m, (s32)(width(&t->in) + extra));
	exit_indirect(m, 0);
	return true;
}

static bool jcc(struct making *m, const struct tr_insn *t)
{
	s64 target;

	if (!small_target(m, t, &target))
		return false;
	flags_want_host(m);
	exit_conditional(m, t->in.cond, target, t->live_at_target);
	return true;
}

/* ZF = (E)CX is zero. */
static void test_count(struct making *m, const struct insn *in)
{
	flags_want_saved(m);
	flags_destroyed(m);
	if (in->addr_size == CODE_16)
		emit_op16(&m->e, 0x85, H_RCX, IN_REG(H_RCX));
	else
		emit_op32(&m->e, 0x85, H_RCX, IN_REG(H_RCX));
}

static bool loop(struct making *m, const struct tr_insn *t)
{
	u8 flags_at, *over;
	s64 target;

	if (!small_target(m, t, &target))
		return false;
	sp_settle(m);
	if (t->in.id == INSN_LOOP) {
		scratch_take(m, R_TMP);
		emit_lea32(&m->e, R_TMP, IN_MEMORY(H_RCX, -1));
		if (t->in.addr_size == CODE_16)
			emit_op16(&m->e, 0x89, R_TMP, IN_REG(H_RCX));
		else
			emit_op32(&m->e, 0x89, R_TMP, IN_REG(H_RCX));
	}
	test_count(m, &t->in);
	over = emit_jcc(&m->e, t->in.id == INSN_LOOP ? 4 : 5);
	flags_at = m->flags_at;
	exit_direct(m, target, t->live_at_target);
	emit_fix(over, m->e.at);
	m->flags_at = flags_at;
	return true;
}

static bool branch(struct making *m, const struct tr_insn *t)
{
	switch (t->in.id) {
	case INSN_JMP_REL:
		return jmp_rel(m, t);
	case INSN_JCC:
		return jcc(m, t);
	case INSN_CALL_REL:
		return call_rel(m, t);
	case INSN_JMP_NEAR:
	case INSN_CALL_NEAR:
		return near_indirect(m, t);
	case INSN_RET:
		return ret(m, t);
	case INSN_LOOP:
	case INSN_JCXZ:
		return loop(m, t);
	default:
		return false;
	}
}

bool small_flow(struct making *m, const struct tr_insn *t)
{
	if (insn_uses_stack(&t->in) && m->reach[SEG_SS] == REACH_NONE)
		return false;
	switch (t->in.id) {
	case INSN_PUSH:
		return push(m, &t->in);
	case INSN_POP:
		return pop(m, &t->in);
	case INSN_LEAVE:
		leave(m, &t->in);
		return true;
	case INSN_ADD:
	case INSN_SUB:
	case INSN_LEA:
		return m->stack32 && flow_adjust(m, t);
	default:
		return (m->keyed || t->in.op_size == 2) && branch(m, t);
	}
}
