/* SPDX-License-Identifier: MIT */
/*
 * What a translation knows while it writes: where the flags are, how far R12 is
 * behind the guest's RSP, and how to get out.
 */
#include <assert.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

/* LAHF has all but OF. */
void emit_flags_save(struct emit *e, u8 scratch)
{
	emit_load(e, scratch, IN_REG(H_RAX));
	emit_byte(e, 0x9f); /* lahf */
	emit_byte(e, 0x0f); /* seto al */
	emit_byte(e, 0x90);
	emit_byte(e, 0xc0);
	emit_op16(e, 0x89, H_RAX, IN_GS(HOT_AT(flags)));
	emit_load(e, H_RAX, IN_REG(scratch));
}

/* 1 + 127 overflows, 0 + 127 does not. */
void emit_flags_restore(struct emit *e, u8 scratch)
{
	emit_load(e, scratch, IN_REG(H_RAX));
	emit_op16(e, 0x8b, H_RAX, IN_GS(HOT_AT(flags)));
	emit_byte(e, 0x04); /* add al, 127 */
	emit_byte(e, 0x7f);
	emit_byte(e, 0x9e); /* sahf */
	emit_load(e, H_RAX, IN_REG(scratch));
}

void flags_want_saved(struct making *m)
{
	if (m->flags_at != FLAGS_HOST)
		return;
	emit_flags_save(&m->e, scratch_pick(m));
	m->flags_at = FLAGS_BOTH;
}

void flags_want_host(struct making *m)
{
	assert(m->flags_at != FLAGS_DEAD);
	if (m->flags_at != FLAGS_SAVED)
		return;
	emit_flags_restore(&m->e, scratch_pick(m));
	m->flags_at = FLAGS_BOTH;
}

/* The next host instructions change the flags. */
void flags_destroyed(struct making *m)
{
	if (m->flags_at == FLAGS_BOTH)
		m->flags_at = FLAGS_SAVED;
	else if (m->flags_at == FLAGS_HOST)
		m->flags_at = FLAGS_DEAD;
}

void sp_settle(struct making *m)
{
	if (!m->lag)
		return;
	emit_lea_for(m, R_SP, IN_MEMORY(R_SP, m->lag));
	m->lag = 0;
}

/* LEA in the width of linear addresses. */
void emit_lea_for(struct making *m, u8 reg, struct place memory)
{
	if (m->code_size == CODE_64)
		emit_lea(&m->e, reg, memory);
	else
		emit_lea32(&m->e, reg, memory);
}

/* reg = the linear address `offset` bytes into the page of the code. */
void emit_address_of(struct making *m, u8 reg, s64 offset)
{
	if (m->absolute) {
		emit_mov_imm(&m->e, reg,
			     (m->page + (u64)offset) & m->linear_mask);
		return;
	}
	emit_load(&m->e, reg, IN_GS(HOT_AT(code_page)));
	if (offset != (s32)offset) { /* a page beyond the reach of 32 bits */
		s32 part = offset < 0 ? INT32_MIN : INT32_MAX;

		emit_lea(&m->e, reg, IN_MEMORY(reg, part));
		offset -= part;
	}
	emit_lea_for(m, reg, IN_MEMORY(reg, (s32)offset));
}

/* The same as CS:RIP names it. */
void emit_rip_of(struct making *m, u8 reg, s64 offset)
{
	emit_address_of(m, reg, offset - (s64)m->cs_base);
}

void map_here(struct making *m)
{
	assert(m->map_count < UNIT_MAP_MAX);
	m->map[m->map_count++] = (struct tr_map){
		.code = (u16)(m->e.at - m->unit->code),
		.offset = m->insn[m->at].offset,
		.lag = (s16)m->lag,
		.flags_at = m->flags_at,
	};
}

void cold_add(struct making *m, struct cold cold)
{
	assert(m->cold_count < UNIT_MAP_MAX);
	cold.offset = m->insn[m->at].offset;
	cold.flags_at = m->flags_at;
	cold.faults_first = m->faults_first;
	cold.lag = m->lag;
	m->cold[m->cold_count++] = cold;
}

/*
 * In the page of the code, and not so far behind that an instruction there may
 * lie in two pages: only such ways are linked. The others go by the table of
 * jumps, which holds for one address space.
 */
bool exit_is_near(s64 target)
{
	return target >= 0 && target <= 4096 - INSN_LEN_MAX;
}

static struct tr_exit *exit_new(struct making *m, s64 target)
{
	struct tr_exit *exit;

	assert(m->exit_count < UNIT_EXITS_MAX);
	exit = &m->exit[m->exit_count++];
	*exit = (struct tr_exit){
		.target = (s32)target,
		.flags_at = m->flags_at,
	};
	return exit;
}

static void exit_cold(struct making *m, const struct tr_exit *exit, u8 *field)
{
	cold_add(m, (struct cold){.kind = COLD_EXIT,
				  .from = field,
				  .arg = (u64)(exit - m->exit)});
}

/* A way back asks whether somebody wants this vCPU: every loop has one, or goes
 * through an indirect exit, which does so in its own way. */
static bool is_back(const struct making *m, s64 target)
{
	return target <= (s64)m->insn[m->at].offset;
}

/* A loop over the whole unit needs no second look at the stack it has. */
static u8 *loop_entry(struct making *m, s64 target)
{
	if (!m->loop || m->tr->verify || target != (s64)m->insn[0].offset ||
	    m->insn[0].live_in)
		return NULL;
	if (m->unit->stack_shared) {
		if (!m->stack_shared || !m->sp_known || m->sp_offset)
			return NULL;
		if (m->holds[R_AUX - H_R13] != HOLDS_STACK)
			emit_load(&m->e, R_AUX,
				  IN_GS(HOT_AT(stack[m->table].delta)));
	}
	return m->loop;
}

/* Leaves for the linear address `target`, relative to the code's page. */
void exit_direct(struct making *m, s64 target, u16 live)
{
	struct tr_exit *exit;
	u8 *field, *loop;

	sp_settle(m);
	if (!live)
		m->flags_at = FLAGS_DEAD;
	if (!exit_is_near(target)) {
		scratch_take(m, R_ADDR);
		emit_address_of(m, R_ADDR, target);
		exit_indirect(m, m->at_end ? UNDO_NO_BRANCH : m->undo);
		return;
	}
	if (is_back(m, target)) {
		flags_want_saved(m);
		flags_destroyed(m);
		emit_alu_imm32(&m->e, 7, IN_GS(HOT_AT(wanted)), 0);
		field = emit_jcc(&m->e, 5);
		exit = exit_new(m, target);
		exit_cold(m, exit, field);
		loop = loop_entry(m, target);
		if (loop) {
			exit->field = 0; /* never linked */
			emit_fix(emit_jmp(&m->e), loop);
			return;
		}
	} else {
		exit = exit_new(m, target);
	}
	field = emit_jmp(&m->e);
	exit->field = (u32)(field - m->unit->code);
	exit_cold(m, exit, field);
}

void exit_conditional(struct making *m, u8 cond, s64 target, u16 live)
{
	struct tr_exit *exit;
	u8 *over, flags_at;

	sp_settle(m);
	if (exit_is_near(target) && !is_back(m, target)) {
		exit = exit_new(m, target);
		if (!live)
			exit->flags_at = FLAGS_DEAD;
		over = emit_jcc(&m->e, cond);
		exit->field = (u32)(over - m->unit->code);
		exit_cold(m, exit, over);
		return;
	}
	over = emit_jcc(&m->e, cond ^ 1);
	flags_at = m->flags_at;
	exit_direct(m, target, live);
	m->flags_at = flags_at;
	emit_fix(over, m->e.at);
}

/*
 * To the linear address in R14, through the table of jumps. Others spoil the
 * key to get attention, so this is a poll, too.
 */
void exit_indirect(struct making *m, s32 undo)
{
	struct emit *e = &m->e;
	s32 table = HOT_AT(jump) +
		    (s32)(m->table * sizeof(struct tr_jump) * TR_JUMPS);
	struct encoding crc = {.map = MAP_0F38,
			       .opcode = 0xf1,
			       .prefix = 0xf2,
			       .reg = R_AUX,
			       .rm = IN_REG(R_ADDR)};
	struct place key = {.kind = PLACE_GS, .base = R_AUX, .index = H_NONE};
	u8 *miss;

	sp_settle(m);
	scratch_pin(m, R_ADDR);
	flags_want_saved(m);
	flags_destroyed(m);
	scratch_take(m, R_TMP);
	scratch_take(m, R_AUX);
	emit_load(e, R_TMP, IN_REG(R_ADDR));
	emit_op(e, 0x33, R_TMP, IN_GS(HOT_AT(jump_key) + (s32)m->table * 8));
	emit_op32(e, 0x8b, R_AUX, IN_GS(HOT_AT(jump_seed) + (s32)m->table * 4));
	emit_insn(e, &crc);
	emit_alu_imm32(e, 4, IN_REG(R_AUX), (TR_JUMPS - 1) << 4);
	key.disp = table;
	emit_op(e, 0x3b, R_TMP, key);
	miss = emit_jcc(e, 5);
	cold_add(m, (struct cold){.kind = COLD_INDIRECT,
				  .from = miss,
				  .arg = (u64)(s64)undo});
	if (!m->absolute) {
		emit_alu_imm(e, 4, IN_REG(R_ADDR), -4096);
		emit_store(e, IN_GS(HOT_AT(code_page)), R_ADDR);
	}
	key.disp = table + (s32)offsetof(struct tr_jump, code);
	emit_jmp_place(e, key);
}

/* This instruction is tier 0's, and the unit ends here. */
void exit_tier0(struct making *m)
{
	u8 *field;

	sp_settle(m);
	field = emit_jmp(&m->e);
	cold_add(m, (struct cold){.kind = COLD_TIER0, .from = field});
}
