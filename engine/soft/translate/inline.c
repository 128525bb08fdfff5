/* SPDX-License-Identifier: MIT */
/*
 * Instructions that cannot be copied but are frequent, above all in a kernel,
 * written out in others: what they change are a few fields, and calls into C
 * cost more than that. Each is only done here where it can have no other effect;
 * the rest is tier 0's.
 */
#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

/* RDTSC and RDTSCP where nothing stands in their way: TSD, another frequency. */
static void rdtsc(struct making *m, bool processor)
{
	struct emit *e = &m->e;
	u8 *field;

	flags_make_way(m);
	emit_alu_imm(e, 7, IN_GS(HOT_AT(tsc_plain)), 0);
	field = emit_jcc(e, 4);
	cold_add(m, (struct cold){.kind = COLD_TIER0, .from = field});
	if (processor) { /* what was loaded before is there */
		emit_byte(e, 0x0f);
		emit_byte(e, 0xae);
		emit_byte(e, 0xe8); /* lfence */
		emit_op32(e, 0x8b, H_RCX, IN_GS(CPU_AT(msr.tsc_aux)));
	}
	emit_byte(e, 0x0f);
	emit_byte(e, 0x31);
	emit_shift64_imm(e, 4, H_RDX, 32);
	emit_op(e, 0x0b, H_RAX, IN_REG(H_RDX));
	emit_op(e, 0x03, H_RAX, IN_GS(VCPU_AT(tsc_offset)));
	emit_load(e, H_RDX, IN_REG(H_RAX));
	emit_shift64_imm(e, 5, H_RDX, 32);
	emit_op32(e, 0x8b, H_RAX, IN_REG(H_RAX));
}

static void swapgs(struct making *m)
{
	struct emit *e = &m->e;

	scratch_forget(m);
	emit_load(e, R_TMP, IN_GS(CPU_AT(seg[SEG_GS].base)));
	emit_load(e, R_ADDR, IN_GS(CPU_AT(msr.kernel_gs_base)));
	emit_store(e, IN_GS(CPU_AT(msr.kernel_gs_base)), R_TMP);
	emit_store(e, IN_GS(CPU_AT(seg[SEG_GS].base)), R_ADDR);
	emit_store(e, IN_GS(CPU_AT(segment_base[SEG_GS])), R_ADDR);
}

static void cli(struct making *m)
{
	flags_make_way(m);
	emit_alu_imm(&m->e, 4, IN_GS(CPU_AT(rflags)), ~(s32)RFLAGS_IF);
}

/* With nothing that waits. */
static bool sti(struct making *m)
{
	u8 *field;

	if (!helper_keeps_shadow(m))
		return false;
	flags_make_way(m);
	emit_alu_imm32(&m->e, 7, IN_GS(VCPU_AT(request)), 0);
	field = emit_jcc(&m->e, 5);
	cold_add(m, (struct cold){.kind = COLD_TIER0, .from = field});
	emit_alu_imm(&m->e, 1, IN_GS(CPU_AT(rflags)), (s32)RFLAGS_IF);
	return true;
}

/* The kernel's TLB is another one with AC, and slots may not have what it opens;
 * translator_tables_sync() knows what that means now. */
static void ac_write(struct making *m, bool set)
{
	struct emit *e = &m->e;
	s32 ac = (s32)RFLAGS_AC;

	flags_make_way(m);
	scratch_take(m, R_TMP);
	emit_alu_imm(e, set ? 1 : 4, IN_GS(CPU_AT(rflags)), set ? ac : ~ac);
	emit_load(e, R_TMP,
		  set ? IN_GS(CPU_AT(tlbs[TLB_SUPERVISOR_AC]))
		      : IN_GS(HOT_AT(tlb_without_ac)));
	emit_store(e, IN_GS(CPU_AT(tlb)), R_TMP);
	if (set) {
		emit_load(e, R_TMP, IN_GS(HOT_AT(slots_fine_ac)));
		emit_store(e, IN_GS(HOT_AT(slots_fine)), R_TMP);
	} else {
		emit_store_imm(e, IN_GS(HOT_AT(slots_fine)), 1);
	}
}

static void direction(struct making *m, bool set)
{
	s32 df = (s32)RFLAGS_DF;

	flags_make_way(m);
	emit_alu_imm(&m->e, set ? 1 : 4, IN_GS(CPU_AT(rflags)), set ? df : ~df);
}

/* MOV r64, CRn, but for CR8, which is the interrupt controller's. */
static bool mov_from_control(struct making *m, const struct insn *in)
{
	static const s32 at[] = {
		[0] = CPU_AT(cr0), [2] = CPU_AT(cr2), [3] = CPU_AT(cr3), [4] = CPU_AT(cr4)};
	u8 host;

	if (m->tr->vcpu->cpu.cpl != 0 || in->reg >= ARRAY_SIZE(at) ||
	    !at[in->reg] || in->rm == RSP)
		return false;
	host = gpr_new(m, in->rm);
	emit_load(&m->e, host, IN_GS(at[in->reg]));
	gpr_written(m, in->rm, host);
	return true;
}

/* MOV r32/r64, Sreg */
static bool mov_from_segment(struct making *m, const struct insn *in)
{
	u32 index = in->reg & 7;
	u8 host;

	if ((in->flags & INSN_MEM) || in->op_size < 2 || index > SEG_GS ||
	    in->rm == RSP)
		return false;
	host = gpr_new(m, in->rm);
	emit_movzx16(&m->e, host,
		     IN_GS(CPU_AT(seg) +
			   (s32)(index * sizeof(struct x86_segment) +
				 offsetof(struct x86_segment, selector))));
	gpr_written(m, in->rm, host);
	return true;
}

/* BT, BTS, BTR, BTC of memory and a register: the bit may lie far from what the
 * operand names. */
static bool bit_string(struct making *m, const struct tr_insn *t)
{
	const struct insn *in = &t->in;
	bool wide = in->op_size == 3, lock = in->flags & INSN_LOCK;
	u32 bytes = wide ? 8 : 4;
	struct encoding bit = {
		.map = MAP_0F, .opcode = in->opcode, .lock = lock, .wide = wide};
	struct place word = {.kind = PLACE_MEMORY, .base = R_ADDR};
	struct emit *e = &m->e;
	u8 number, index;

	if (!(in->flags & INSN_MEM) || in->op_size < 2 ||
	    insn_rows[in->row].op[1] != OP_Gv || in->reg == RSP ||
	    in->addr_size != CODE_64)
		return false;
	flags_make_way(m);
	scratch_take(m, R_ADDR);
	access_effective(m, in, R_ADDR);
	m->pinned = (u32)BIT(R_ADDR);
	number = gpr_host(m, in->reg);
	index = scratch_pick(m);
	scratch_pin(m, index);
	if (wide)
		emit_load(e, index, IN_REG(number));
	else
		emit_op(e, 0x63, index, IN_REG(number)); /* movsxd */
	emit_shift64_imm(e, 7, index, wide ? 6 : 5);
	word.index = index;
	word.scale = wide ? 3 : 2;
	emit_lea(e, index, word);
	bit.rm = access_linear(m, in, index, bytes, in->id != INSN_BT, lock);
	m->pinned = (u32)BIT(R_ADDR);
	number = gpr_host(m, in->reg);
	bit.reg = scratch_pick(m);
	scratch_pin(m, bit.reg);
	emit_op32(e, 0x8b, bit.reg, IN_REG(number));
	emit_alu_imm32(e, 4, IN_REG(bit.reg), wide ? 63 : 31);
	scratch_unpin(m, number);
	if (t->live & ~t->writes & FLAG_ARITH)
		flags_want_host(m);
	map_here(m);
	emit_insn(e, &bit);
	m->flags_at = FLAGS_HOST;
	return true;
}

/* Changes no general register. */
bool inline_is_plain(const struct insn *in)
{
	return in->id == INSN_SWAPGS || in->id == INSN_CLI ||
	       in->id == INSN_STI || in->id == INSN_CLD || in->id == INSN_STD;
}

/* Neither this nor tier 0, to which it may go, reads or writes a flag of
 * arithmetic. */
bool inline_is_flagless(const struct insn *in)
{
	switch (in->id) {
	case INSN_SWAPGS:
	case INSN_CLI:
	case INSN_STI:
	case INSN_CLAC:
	case INSN_STAC:
	case INSN_RDTSC:
	case INSN_RDTSCP:
	case INSN_MOV_FROM_SEG:
	case INSN_MOV_FROM_CR:
	case INSN_CLD:
	case INSN_STD:
		return true;
	default:
		return false;
	}
}

bool inline_insn(struct making *m, const struct tr_insn *t)
{
	const struct x86_cpu *cpu = &m->tr->vcpu->cpu;

	if (t->in.id == INSN_RDTSC || t->in.id == INSN_RDTSCP) {
		if (m->tr->verify || !x86_has(cpu, insn_rows[t->in.row].feature))
			return false;
		rdtsc(m, t->in.id == INSN_RDTSCP);
		return true;
	}
	if (m->code_size != CODE_64)
		return false;
	switch (t->in.id) {
	case INSN_CLD:
	case INSN_STD:
		direction(m, t->in.id == INSN_STD);
		return true;
	case INSN_MOV_FROM_SEG:
		return mov_from_segment(m, &t->in);
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		return bit_string(m, t);
	default:
		break;
	}
	if (m->table != TR_SYSTEM)
		return false;
	switch (t->in.id) {
	case INSN_SWAPGS:
		swapgs(m);
		return true;
	case INSN_CLI:
		cli(m);
		return true;
	case INSN_STI:
		return sti(m);
	case INSN_MOV_FROM_CR:
		return mov_from_control(m, &t->in);
	case INSN_STAC:
	case INSN_CLAC:
		if (!x86_has(cpu, FEAT_SMAP))
			return false;
		ac_write(m, t->in.id == INSN_STAC);
		return true;
	default:
		return false;
	}
}
