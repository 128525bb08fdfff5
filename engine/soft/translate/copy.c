/* SPDX-License-Identifier: MIT */
/*
 * Guest instructions that run as they are, with other registers and another
 * address. Only rows marked ROW_COPYABLE come here, only if CPUID and the
 * control registers offer them, and only in forms whose every operand is known;
 * anything else is tier 0's.
 */
#include <assert.h>

#include "engine/core/decode/row.h"
#include "engine/soft/translate/inside.h"

/* How an operand is named in the encoding, and what becomes of it. */
enum field { FIELD_NONE, FIELD_REG, FIELD_RM, FIELD_VVVV, FIELD_OPCODE };

struct named {
	enum field field;
	bool gpr; /* a general register (else vector, x87, address) */
	bool read, written;
	u8 bytes;   /* of a register; of memory when it is memory */
	u32 number; /* guest register */
	u8 offset;  /* insn.reg_off or rm_off: odd for AH..BH */
};

/* Copied rows that are not what they seem to a translator. */
static bool excluded(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	switch (in->id) {
	case INSN_PAUSE:   /* yields */
	case INSN_LDMXCSR: /* unmasked exceptions would be signals */
	case INSN_VLDMXCSR:
	case INSN_FLDCW:
	case INSN_FLDENV:
	case INSN_FNSTENV: /* pointers to instructions are the engine's */
	case INSN_FNSAVE:
	case INSN_FRSTOR:
	case INSN_CLFLUSH:
	case INSN_CLFLUSHOPT:
	case INSN_CLWB:
	case INSN_MOVDIR64B:
		return true;
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC: /* a register's bit may lie outside the operand */
		return (in->flags & INSN_MEM) && row->op[1] == OP_Gv;
	default:
		return (!(row->attr & ROW_COPYABLE) && !small_copies(in)) ||
		       (row->attr & ROW_MASKED);
	}
}

/* Would tier 0 raise #UD or #NM? Then it shall. */
static bool closed(const struct x86_cpu *cpu, const struct insn *in)
{
	u32 attr = insn_rows[in->row].attr;
	u64 vector = XCR0_SSE | XCR0_AVX;

	if (!(attr & (ROW_VEC | ROW_MMX | ROW_X87)))
		return (in->flags & INSN_VEX) && !protected_mode(cpu);
	if (cpu->cr0 & (CR0_EM | CR0_TS))
		return true;
	if (!(attr & ROW_VEC))
		return false;
	if (in->flags & INSN_VEX)
		return !(cpu->cr4 & CR4_OSXSAVE) || !x86_has(cpu, FEAT_AVX) ||
		       (cpu->xcr0 & vector) != vector || !protected_mode(cpu);
	return !(cpu->cr4 & CR4_OSFXSR);
}

/* clang-format off */
/* Bytes of an operand of that kind; 0: as many as the operand size says. */
enum { BY_W = 0x80, BY_Z };
static const u8 bytes_of[OP_COUNT] = {
	[OP_Eb] = 1, [OP_Gb] = 1, [OP_Zb] = 1, [OP_Mb] = 1, [OP_RdMb] = 1,
	[OP_Ew] = 2, [OP_Gw] = 2, [OP_Mw] = 2, [OP_RdMw] = 2, [OP_RvMw] = 2,
	[OP_Ed] = 4, [OP_Gd] = 4, [OP_Md] = 4,
	[OP_Eq] = 8, [OP_Gq] = 8, [OP_Mq] = 8, [OP_Mt] = 10,
	[OP_Ey] = BY_W, [OP_Gy] = BY_W, [OP_By] = BY_W, [OP_My] = BY_W,
	[OP_Ez] = BY_Z,
};

/* Where an operand of that kind is named; GPR: in a general register, if it is
 * in one at all. */
#define GPR 8u
static const u8 named_in[OP_COUNT] = {
	[OP_Gb] = FIELD_REG | GPR, [OP_Gw] = FIELD_REG | GPR,
	[OP_Gd] = FIELD_REG | GPR, [OP_Gq] = FIELD_REG | GPR,
	[OP_Gv] = FIELD_REG | GPR, [OP_Gy] = FIELD_REG | GPR,
	[OP_Zb] = FIELD_OPCODE | GPR, [OP_Zv] = FIELD_OPCODE | GPR,
	[OP_By] = FIELD_VVVV | GPR,
	[OP_Eb] = FIELD_RM | GPR, [OP_Ew] = FIELD_RM | GPR,
	[OP_Ed] = FIELD_RM | GPR, [OP_Eq] = FIELD_RM | GPR,
	[OP_Ev] = FIELD_RM | GPR, [OP_Ey] = FIELD_RM | GPR,
	[OP_Ez] = FIELD_RM | GPR, [OP_RdMb] = FIELD_RM | GPR,
	[OP_RdMw] = FIELD_RM | GPR, [OP_RvMw] = FIELD_RM | GPR,
	[OP_M] = FIELD_RM, [OP_Mb] = FIELD_RM, [OP_Mw] = FIELD_RM,
	[OP_Md] = FIELD_RM, [OP_Mq] = FIELD_RM, [OP_Mdq] = FIELD_RM,
	[OP_Mqq] = FIELD_RM, [OP_Mt] = FIELD_RM, [OP_Mv] = FIELD_RM,
	[OP_My] = FIELD_RM, [OP_Qq] = FIELD_RM, [OP_Qd] = FIELD_RM,
	[OP_Nq] = FIELD_RM, [OP_Wx] = FIELD_RM, [OP_Wdq] = FIELD_RM,
	[OP_Wqq] = FIELD_RM, [OP_Wq] = FIELD_RM, [OP_Wd] = FIELD_RM,
	[OP_Ww] = FIELD_RM, [OP_Wb] = FIELD_RM, [OP_Ux] = FIELD_RM,
	[OP_Udq] = FIELD_RM, [OP_Uq] = FIELD_RM,
	[OP_Vx] = FIELD_REG, [OP_Vdq] = FIELD_REG, [OP_Vqq] = FIELD_REG,
	[OP_Vq] = FIELD_REG, [OP_Vd] = FIELD_REG, [OP_Pq] = FIELD_REG,
	[OP_Hx] = FIELD_VVVV, [OP_Hdq] = FIELD_VVVV, [OP_Hqq] = FIELD_VVVV,
	[OP_Hq] = FIELD_VVVV, [OP_Hd] = FIELD_VVVV,
};
/* clang-format on */

static u8 operand_bytes(const struct insn *in, u8 kind)
{
	u8 bytes = bytes_of[kind];

	if (!bytes)
		return (u8)(1u << in->op_size);
	if (bytes == BY_W)
		return in->flags & INSN_W ? 8 : 4;
	if (bytes == BY_Z)
		return in->op_size == 1 ? 2 : 4;
	return bytes;
}

static void register_name(const struct insn *in, struct named *o)
{
	o->number = o->field == FIELD_RM     ? in->rm
		    : o->field == FIELD_VVVV ? in->vvvv
					     : in->reg;
	o->offset = o->field == FIELD_RM     ? in->rm_off
		    : o->field == FIELD_VVVV ? GPR_OFFSET(in->vvvv)
					     : in->reg_off;
	if (o->bytes == 1)
		o->number = o->offset / 8u;
}

static struct named operand_of(const struct insn *in, u32 index)
{
	const struct insn_row *row = &insn_rows[in->row];
	u8 kind = row->op[index];
	struct named o = {.bytes = operand_bytes(in, kind),
			  .field = named_in[kind] & 7,
			  .gpr = named_in[kind] & GPR};

	if (o.field == FIELD_NONE)
		return o;
	if (o.field == FIELD_RM && (in->flags & INSN_MEM))
		o.gpr = false;
	o.written = index == 0 && !(row->attr & ROW_DEST_NONE);
	o.read = index != 0 || (row->attr & ROW_DEST_READ);
	if (index == 1 &&
	    (in->id == INSN_XCHG || in->id == INSN_XADD || in->id == INSN_MULX))
		o.read = o.written = true;
	if (o.gpr)
		register_name(in, &o);
	return o;
}

struct shape {
	struct named reg, rm, vvvv, opcode;
	u8 imm_bytes;
};

/* An operand that no field of the encoding names; false: not known here. */
static bool unnamed(const struct insn *in, u8 kind, struct shape *s)
{
	switch (kind) {
	case OP_Ib:
	case OP_Ibs:
	case OP_Lx:
		s->imm_bytes = 1;
		return true;
	case OP_Iw:
		s->imm_bytes = 2;
		return true;
	case OP_Iz:
		s->imm_bytes = in->op_size == 1 ? 2 : 4;
		return true;
	case OP_Iv:
		s->imm_bytes = (u8)(1u << in->op_size);
		return true;
	case OP_AL:
	case OP_rAX:
	case OP_CL:
	case OP_DX:
	case OP_ONE:
	case OP_ST0:
	case OP_STi:
	case OP_XMM0:
		return true;
	default:
		return false;
	}
}

static bool shape_of(const struct insn *in, struct shape *s)
{
	const struct insn_row *row = &insn_rows[in->row];

	*s = (struct shape){0};
	for (u32 i = 0; i < ARRAY_SIZE(row->op) && row->op[i]; i++) {
		struct named o;

		if (!named_in[row->op[i]]) {
			if (!unnamed(in, row->op[i], s))
				return false;
			continue;
		}
		o = operand_of(in, i);
		if (o.field == FIELD_REG)
			s->reg = o;
		else if (o.field == FIELD_RM)
			s->rm = o;
		else if (o.field == FIELD_VVVV)
			s->vvvv = o;
		else
			s->opcode = o;
	}
	return true;
}

/* SPL..DIL need a REX prefix; AH..BH forbid one. */
static void byte_register(const struct named *o, bool *need, bool *forbid)
{
	if (!o->gpr || o->bytes != 1)
		return;
	if (o->offset & 1)
		*forbid = true;
	else if (o->number >= 4)
		*need = true;
}

/* May R12..R15 be read as r/m where they are? Where both forms do the same. */
static bool rm_in_place(const struct insn *in)
{
	switch (in->id) {
	case INSN_ADD:
	case INSN_OR:
	case INSN_ADC:
	case INSN_SBB:
	case INSN_AND:
	case INSN_SUB:
	case INSN_XOR:
	case INSN_CMP:
	case INSN_TEST:
	case INSN_MOV:
	case INSN_MOVZX8:
	case INSN_MOVZX16:
	case INSN_MOVSX8:
	case INSN_MOVSX16:
	case INSN_MOVSXD:
	case INSN_CMOVCC:
	case INSN_IMUL:
	case INSN_DIV:
	case INSN_IDIV:
	case INSN_MUL:
	case INSN_IMUL1:
		return insn_rows[in->row].space == SPACE_LEGACY;
	default:
		return false;
	}
}

/* The guest's vector state must be in the host's registers. */
static void fpu_want(struct making *m)
{
	u8 *field;

	if (m->fpu_ready)
		return;
	flags_make_way(m);
	scratch_take(m, R_ADDR);
	emit_alu_imm(&m->e, 7, IN_GS(HOT_AT(fpu_live)), 0);
	field = emit_jcc(&m->e, 4);
	cold_add(m, (struct cold){.kind = COLD_CALL,
				  .from = field,
				  .back = m->e.at,
				  .stub = m->tr->stub_fpu});
	m->fpu_ready = true;
}

/*
 * Is a page fault of its one access what this instruction would raise on tier 0,
 * too? Where operands must be aligned, or an x87 exception may wait, #GP and #MF
 * come first. [SDM3 6.9 "Prioritization of Concurrent Events"]
 */
static bool faults_first(const struct making *m, const struct insn *in)
{
	u32 others = ROW_ALIGNED | ROW_MASKED | ROW_STRING | ROW_X87 | ROW_MMX;

	return m->code_size == CODE_64 && !(insn_rows[in->row].attr & others);
}

static struct place memory_operand(struct making *m, const struct insn *in,
				   u32 bytes)
{
	bool locked = (in->flags & INSN_LOCK) || in->id == INSN_XCHG;
	bool write = insn_rows[in->row].attr & ROW_MEM_WRITE;
	bool shared = m->stack_shared;
	struct place place;

	if (locked) {
		m->stack_shared = false;
		flags_make_way(m);
	}
	m->faults_first = faults_first(m, in);
	place = access_place(m, in, bytes, write);
	m->faults_first = false;
	m->stack_shared = shared;
	if (locked) {
		place = access_in_one(m, place);
		access_locked(m, bytes);
	}
	return place;
}

/* How many scratch registers the other operands may need. */
static u32 gpr_count_in_memory(const struct shape *s)
{
	return (s->reg.gpr && gpr_in_memory(s->reg.number)) +
	       (s->vvvv.gpr && gpr_in_memory(s->vvvv.number));
}

static u8 register_operand(struct making *m, const struct named *o)
{
	bool whole = o->written && !o->read && o->bytes >= 4;

	return whole ? gpr_new(m, o->number) : gpr_host(m, o->number);
}

static void register_done(struct making *m, const struct named *o, u8 host)
{
	if (o->gpr && o->written)
		gpr_written(m, o->number, host);
}

static u8 ah_number(const struct named *o, u8 host)
{
	return o->gpr && o->bytes == 1 && (o->offset & 1) ? (u8)(o->number + 4)
							  : host;
}

static bool needs_opsize(const struct insn *in)
{
	u8 rule = insn_rows[in->row].size;

	return in->op_size == 1 && (rule == SIZE_V || rule == SIZE_Z);
}

static void encoding_begin(const struct insn *in, const struct shape *s,
			   struct encoding *c)
{
	const struct insn_row *row = &insn_rows[in->row];
	static const u8 prefixes[] = {
		[PFX_66] = 0x66, [PFX_F3] = 0xf3, [PFX_F2] = 0xf2};

	*c = (struct encoding){
		.form = in->flags & INSN_MODRM		? FORM_MODRM
			: s->opcode.field != FIELD_NONE ? FORM_OPCODE
							: FORM_PLAIN,
		.map = row->map,
		.opcode = s->opcode.field ? row->opcode : in->opcode,
		.prefix = row->prefix > PFX_NONE ? prefixes[row->prefix] : 0,
		.opsize = needs_opsize(in),
		.lock = in->flags & INSN_LOCK,
		.wide = in->flags & INSN_W,
		.vex = in->flags & INSN_VEX,
		.vex_long = in->flags & INSN_VEX_L,
		.vvvv = in->vvvv,
		.reg = in->modrm >> 3 & 7,
		.rm = IN_REG(in->modrm & 7),
		.imm_bytes = s->imm_bytes,
		.imm = in->imm,
	};
	c->rm.index = H_NONE;
	if (s->opcode.field && (in->id == INSN_INC || in->id == INSN_DEC)) {
		c->form = FORM_MODRM; /* to 64-bit code it is a prefix */
		c->opcode = 0xff;
		c->reg = in->id == INSN_DEC;
	}
}

/* Does the memory operand count for nothing? */
static bool is_hint(const struct insn *in)
{
	switch (in->id) {
	case INSN_NOP:
	case INSN_PREFETCHNTA:
	case INSN_PREFETCHT0:
	case INSN_PREFETCHT1:
	case INSN_PREFETCHT2:
	case INSN_PREFETCHW:
		return true;
	default:
		return false;
	}
}

static bool legal(const struct making *m, const struct insn *in, struct shape *s)
{
	const struct x86_cpu *cpu = &m->tr->vcpu->cpu;
	const struct insn_row *row = &insn_rows[in->row];
	bool need = false, forbid = false;

	if (excluded(in) || !x86_has(cpu, row->feature) || closed(cpu, in) ||
	    !shape_of(in, s) || !small_reachable(m, in))
		return false;
	if ((row->attr & ROW_PRIV) ||
	    ((row->attr & ROW_PROT_ONLY) && !protected_mode(cpu)))
		return false;
	byte_register(&s->reg, &need, &forbid);
	byte_register(&s->rm, &need, &forbid);
	byte_register(&s->opcode, &need, &forbid);
	if (!forbid)
		return true;
	/* AH..BH: nothing else may ask for a REX prefix. */
	if (need || (in->flags & INSN_MEM))
		return false;
	return (!s->reg.gpr || s->reg.number < 4 ||
		(s->reg.number < 8 && s->reg.number != RSP)) &&
	       (!s->rm.gpr || s->rm.number < 4 ||
		(s->rm.number < 8 && s->rm.number != RSP));
}

static void lea(struct making *m, const struct insn *in, const struct shape *s)
{
	u8 host;

	if ((in->op_size == 3 || (in->op_size == 2 && in->addr_size != CODE_64)) &&
	    s->reg.number != RSP) {
		host = gpr_new(m, s->reg.number);
		access_effective(m, in, host);
	} else { /* a part of it */
		scratch_take(m, R_ADDR);
		access_effective(m, in, R_ADDR);
		m->pinned = (u32)BIT(R_ADDR);
		host = register_operand(m, &s->reg);
		if (in->op_size == 1)
			emit_op16(&m->e, 0x8b, host, IN_REG(R_ADDR));
		else if (in->op_size == 2)
			emit_op32(&m->e, 0x8b, host, IN_REG(R_ADDR));
		else
			emit_load(&m->e, host, IN_REG(R_ADDR));
	}
	register_done(m, &s->reg, host);
}

u32 copy_memory_bytes(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];

	for (u32 i = 0; i < ARRAY_SIZE(row->op) && row->op[i]; i++)
		if ((named_in[row->op[i]] & ~GPR) == FIELD_RM)
			return operand_bytes(in, row->op[i]);
	return 0;
}

/* General registers that an instruction writes and names: BIT(number). */
u32 copy_gprs_named(const struct insn *in)
{
	u32 mask = 0;

	for (u32 i = 0; i < 2; i++) { /* further ones are only read */
		struct named o;

		if (!(named_in[insn_rows[in->row].op[i]] & GPR))
			continue;
		o = operand_of(in, i);
		if (o.gpr && o.written)
			mask |= (u32)BIT(o.number);
	}
	return mask;
}

bool copy_insn(struct making *m, const struct tr_insn *t)
{
	const struct insn *in = &t->in;
	u32 attr = insn_rows[in->row].attr;
	bool memory = in->flags & INSN_MEM, forbid = false;
	struct encoding c;
	struct shape s;
	u8 reg = 0, rm = 0, vvvv = 0, opcode = 0;

	if (is_hint(in))
		return true;
	if (in->id == INSN_MOV_MOFFS)
		return small_moffs(m, in);
	if (!legal(m, in, &s))
		return false;
	if (in->id == INSN_LEA) {
		lea(m, in, &s);
		return true;
	}
	encoding_begin(in, &s, &c);
	byte_register(&s.reg, &c.rex, &forbid);
	byte_register(&s.rm, &c.rex, &forbid);
	byte_register(&s.opcode, &c.rex, &forbid);
	if (attr & (ROW_VEC | ROW_MMX | ROW_X87))
		fpu_want(m);
	if ((s.reg.gpr && s.reg.number == RSP) ||
	    (s.vvvv.gpr && s.vvvv.number == RSP))
		sp_settle(m); /* before an address counts on the lag */
	if (memory) {
		c.rm = memory_operand(m, in, s.rm.bytes);
		if (gpr_count_in_memory(&s) > scratch_free_count(m))
			c.rm = access_in_one(m, c.rm);
	}
	if (t->reads || (t->live & ~t->writes & FLAG_ARITH && t->writes))
		flags_want_host(m);
	if (s.rm.gpr && !memory) {
		if (!s.rm.written && gpr_not_held(m, s.rm.number) &&
		    rm_in_place(in)) {
			c.rm = IN_GS(GPR_AT(s.rm.number));
		} else {
			rm = register_operand(m, &s.rm);
			c.rm = IN_REG(ah_number(&s.rm, rm));
		}
	} else if (!memory && s.rm.field == FIELD_RM) {
		c.rm = IN_REG(in->rm);
	}
	if (s.reg.gpr) {
		reg = register_operand(m, &s.reg);
		c.reg = ah_number(&s.reg, reg);
	} else if (s.reg.field == FIELD_REG) {
		c.reg = in->reg;
	}
	if (s.vvvv.gpr) {
		vvvv = register_operand(m, &s.vvvv);
		c.vvvv = vvvv;
	}
	if (s.opcode.gpr) {
		opcode = register_operand(m, &s.opcode);
		c.rm = IN_REG(ah_number(&s.opcode, opcode));
	}
	map_here(m);
	emit_insn(&m->e, &c);
	if (t->writes)
		m->flags_at = FLAGS_HOST;
	if (!memory)
		register_done(m, &s.rm, rm);
	register_done(m, &s.vvvv, vvvv);
	register_done(m, &s.reg, reg); /* the last, where MULX names it twice */
	register_done(m, &s.opcode, opcode);
	return true;
}
