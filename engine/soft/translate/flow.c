/* SPDX-License-Identifier: MIT */
/*
 * Branches and the stack: what moves RIP or RSP.
 */
#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

#define LAG_MAX 16384

/* RSP becomes RSP + delta, in R12 or only on paper. */
void sp_move(struct making *m, s32 delta)
{
	m->lag += delta;
	m->sp_offset += delta;
	if (m->lag > LAG_MAX || m->lag < -LAG_MAX)
		sp_settle(m);
}

static s64 next_offset(const struct tr_insn *t)
{
	return (s64)t->offset + t->in.len;
}

static s64 target_offset(const struct tr_insn *t)
{
	return next_offset(t) + (s64)t->in.imm;
}

/* Stores the linear address of the next instruction at the new top. */
static void push_return(struct making *m, const struct tr_insn *t)
{
	struct place top = access_stack(m, -8, 8, true);
	u64 address = m->page + (u64)next_offset(t);

	if (m->absolute && address == (u64)(s64)(s32)address) {
		map_here(m);
		emit_store_imm(&m->e, top, (s32)address);
	} else {
		u8 host = scratch_pick(m);

		emit_address_of(m, host, next_offset(t));
		map_here(m);
		emit_store(&m->e, top, host);
	}
	sp_move(m, -8);
}

static void call_rel(struct making *m, const struct tr_insn *t)
{
	push_return(m, t);
	m->undo = -8;
	exit_direct(m, target_offset(t), t->live_at_target);
}

/* R14 = the operand of a near jump or call, or of PUSH. */
static void load_operand(struct making *m, const struct insn *in)
{
	struct place place;

	if (!(in->flags & INSN_MEM)) {
		u8 host = gpr_host(m, in->rm);

		scratch_take(m, R_ADDR);
		emit_load(&m->e, R_ADDR, IN_REG(host));
	} else {
		place = access_place(m, in, 8, false);
		map_here(m);
		scratch_take(m, R_ADDR);
		emit_load(&m->e, R_ADDR, place);
	}
	m->pinned = 0;
}

u32 flow_memory_bytes(const struct insn *in)
{
	return in->id == INSN_JMP_NEAR || in->id == INSN_CALL_NEAR ||
			       in->id == INSN_PUSH
		       ? 8
		       : 0;
}

static void jmp_near(struct making *m, const struct tr_insn *t)
{
	load_operand(m, &t->in);
	exit_indirect(m, 0);
}

/* What was loaded must outlive the check of the stack. */
static void call_near(struct making *m, const struct tr_insn *t)
{
	load_operand(m, &t->in);
	emit_store(&m->e, IN_GS(HOT_AT(rip)), R_ADDR);
	push_return(m, t);
	scratch_take(m, R_ADDR);
	emit_load(&m->e, R_ADDR, IN_GS(HOT_AT(rip)));
	exit_indirect(m, -8);
}

static bool ret(struct making *m, const struct tr_insn *t)
{
	const struct insn_row *row = &insn_rows[t->in.row];
	u32 extra = row->op[0] == OP_Iw ? (u32)t->in.imm & 0xffff : 0;
	struct place top;

	if (extra > LAG_MAX)
		return false;
	top = access_stack(m, 0, 8, false);
	map_here(m);
	scratch_take(m, R_ADDR);
	emit_load(&m->e, R_ADDR, top);
	sp_move(m, (s32)(8 + extra));
	exit_indirect(m, (s32)(8 + extra));
	return true;
}

static void push_imm(struct making *m, const struct insn *in)
{
	struct place top = access_stack(m, -8, 8, true);

	map_here(m);
	emit_store_imm(&m->e, top, (s32)in->imm);
}

static void push_reg(struct making *m, u32 reg)
{
	struct place top;
	u8 host;

	if (reg == RSP)
		sp_settle(m);
	top = access_stack(m, -8, 8, true);
	host = gpr_host(m, reg);
	map_here(m);
	emit_store(&m->e, top, host);
}

static void push_memory(struct making *m, const struct insn *in)
{
	struct place top;
	u8 host;

	load_operand(m, in);
	emit_store(&m->e, IN_GS(HOT_AT(rip)), R_ADDR);
	top = access_stack(m, -8, 8, true);
	host = scratch_pick(m);
	emit_load(&m->e, host, IN_GS(HOT_AT(rip)));
	map_here(m);
	emit_store(&m->e, top, host);
}

/* From its parts: those that hot.flags has, and x86_cpu's. */
static void pushf(struct making *m)
{
	const s32 elsewhere = RFLAGS_ARITH | RFLAGS_VM | RFLAGS_RF;
	struct emit *e = &m->e;
	struct place top;
	u8 sum, part;

	flags_want_saved(m);
	top = access_stack(m, -8, 8, true);
	flags_destroyed(m);
	sum = scratch_pick(m);
	scratch_pin(m, sum);
	part = scratch_pick(m);
	emit_movzx8(e, part, IN_GS(HOT_AT(flags)));
	emit_shift_imm(e, 4, part, 11); /* OF */
	emit_movzx8(e, sum, IN_GS(HOT_AT(flags) + 1));
	emit_op32(e, 0x0b, sum, IN_REG(part));
	emit_load(e, part, IN_GS(CPU_AT(rflags)));
	emit_alu_imm(e, 4, IN_REG(part), ~elsewhere);
	emit_op(e, 0x0b, sum, IN_REG(part));
	map_here(m);
	emit_store(e, top, sum);
	sp_move(m, -8);
}

static bool push(struct making *m, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	if (row->op[0] == OP_Zv)
		push_reg(m, in->reg);
	else if (row->op[0] == OP_Iz || row->op[0] == OP_Ibs)
		push_imm(m, in);
	else if (in->flags & INSN_MEM)
		push_memory(m, in);
	else
		push_reg(m, in->rm);
	sp_move(m, -8);
	return true;
}

static bool pop(struct making *m, const struct insn *in)
{
	u32 reg = insn_rows[in->row].op[0] == OP_Zv ? in->reg : in->rm;
	struct place top;
	u8 host;

	if (in->flags & INSN_MEM)
		return false;
	top = access_stack(m, 0, 8, false);
	if (reg == RSP) {
		map_here(m);
		emit_load(&m->e, R_SP, top);
		m->lag = 0;
		m->sp_known = false;
		return true;
	}
	host = gpr_new(m, reg);
	map_here(m);
	emit_load(&m->e, host, top);
	gpr_written(m, reg, host);
	sp_move(m, 8);
	return true;
}

static void leave(struct making *m)
{
	struct insn at_rbp = {.base_off = GPR_OFFSET(RBP),
			      .index_off = GPR_OFFSET(GPR_ZERO),
			      .seg = SEG_NONE,
			      .addr_size = CODE_64};
	struct place frame = access_place(m, &at_rbp, 8, false);
	u8 host = scratch_pick(m);

	map_here(m);
	emit_load(&m->e, host, frame);
	emit_lea(&m->e, R_SP, IN_MEMORY(H_RBP, 8));
	emit_load(&m->e, H_RBP, IN_REG(host));
	m->lag = 0;
	m->sp_known = false;
}

/* JRCXZ over the five bytes of the jump that follows. */
static void jrcxz_over_jump(struct making *m)
{
	emit_byte(&m->e, 0xe3);
	emit_byte(&m->e, 5);
}

/* LOOP and JRCXZ change no flag and ask none. */
static void loop(struct making *m, const struct tr_insn *t)
{
	u8 flags_at = m->flags_at, *again, *over;

	sp_settle(m);
	emit_lea(&m->e, H_RCX, IN_MEMORY(H_RCX, -1));
	jrcxz_over_jump(m);
	again = emit_jmp(&m->e);
	over = emit_jmp(&m->e);
	emit_fix(again, m->e.at);
	exit_direct(m, target_offset(t), t->live_at_target);
	emit_fix(over, m->e.at);
	m->flags_at = flags_at;
}

static void jrcxz(struct making *m, const struct tr_insn *t)
{
	u8 flags_at = m->flags_at, *over;

	sp_settle(m);
	jrcxz_over_jump(m);
	over = emit_jmp(&m->e);
	exit_direct(m, target_offset(t), t->live_at_target);
	emit_fix(over, m->e.at);
	m->flags_at = flags_at;
}

/* ADD/SUB RSP, imm and LEA RSP, [RSP + imm]: how far, or 0. */
s32 stack_adjustment(const struct making *m, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	s64 far = (s64)in->imm;

	if (in->op_size != (m->code_size == CODE_64 ? 3 : 2))
		return 0;
	if (in->id == INSN_LEA) {
		if (in->reg != RSP || in->base_off != GPR_OFFSET(RSP) ||
		    in->index_off != GPR_OFFSET(GPR_ZERO) ||
		    in->addr_size != m->code_size)
			return 0;
		far = in->disp;
	} else if ((in->id != INSN_ADD && in->id != INSN_SUB) ||
		   (in->flags & INSN_MEM) || in->rm != RSP ||
		   !(in->flags & INSN_MODRM) ||
		   (row->op[1] != OP_Iz && row->op[1] != OP_Ibs)) {
		return 0;
	} else if (in->id == INSN_SUB) {
		far = -far;
	}
	return far < LAG_MAX && far > -LAG_MAX ? (s32)far : 0;
}

/* With a stack pointer as wide as addresses are. */
bool flow_adjust(struct making *m, const struct tr_insn *t)
{
	s32 far = stack_adjustment(m, &t->in);
	bool known = m->sp_known;

	if (!far)
		return false;
	if (t->in.id == INSN_LEA || !(t->live & t->writes)) {
		sp_move(m, far);
		return true;
	}
	if (!copy_insn(m, t))
		return false;
	m->sp_known = known;
	m->sp_offset += far;
	return true;
}

static bool branch(struct making *m, const struct tr_insn *t)
{
	switch (t->in.id) {
	case INSN_JMP_REL:
		exit_direct(m, target_offset(t), t->live_at_target);
		return true;
	case INSN_JCC:
		flags_want_host(m);
		exit_conditional(m, t->in.cond, target_offset(t),
				 t->live_at_target);
		return true;
	case INSN_CALL_REL:
		call_rel(m, t);
		return true;
	case INSN_JMP_NEAR:
		jmp_near(m, t);
		return true;
	case INSN_CALL_NEAR:
		call_near(m, t);
		return true;
	case INSN_RET:
		return ret(m, t);
	case INSN_LOOP:
	case INSN_JCXZ:
		if (t->in.addr_size != CODE_64)
			return false;
		if (t->in.id == INSN_LOOP)
			loop(m, t);
		else
			jrcxz(m, t);
		return true;
	default:
		return false;
	}
}

bool flow_insn(struct making *m, const struct tr_insn *t)
{
	if (m->code_size != CODE_64)
		return small_flow(m, t);
	switch (t->in.id) {
	case INSN_PUSH:
		return t->in.op_size == 3 && push(m, &t->in);
	case INSN_POP:
		return t->in.op_size == 3 && pop(m, &t->in);
	case INSN_PUSHF:
		if (t->in.op_size != 3)
			return false;
		pushf(m);
		return true;
	case INSN_LEAVE:
		if (t->in.op_size != 3)
			return false;
		leave(m);
		return true;
	case INSN_ADD:
	case INSN_SUB:
	case INSN_LEA:
		return flow_adjust(m, t);
	default:
		return t->in.op_size == 3 && branch(m, t);
	}
}
