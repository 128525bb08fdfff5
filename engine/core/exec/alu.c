/* SPDX-License-Identifier: MIT */
/*
 * The two-operand arithmetic group and its one-operand kin, in every form.
 *
 * A handler is a form (which operands come from where) around an operation
 * (one host instruction); the table at the end pairs them.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

ALU_SIZES(ALU2, add, "add")
ALU_SIZES(ALU2, or, "or")
ALU_SIZES(ALU2_CARRY, adc, "adc")
ALU_SIZES(ALU2_CARRY, sbb, "sbb")
ALU_SIZES(ALU2, and, "and")
ALU_SIZES(ALU2, sub, "sub")
ALU_SIZES(ALU2, xor, "xor")

/* One operand; b is not used. INC and DEC leave CF. */
#define ALU1(name, insn, suffix, type, mask)                             \
	static ALWAYS_INLINE u64 name(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                                \
		type x = (type)a;                                        \
		u32 ax;                                                  \
                                                                         \
		(void)b;                                                 \
		__asm__(insn #suffix " %[x]" FLAGS_OUT                   \
			: [x] "+&q"(x), "=&a"(ax)                        \
			:                                                \
			: "cc");                                         \
		flags_set(cpu, ax, mask);                                \
		return x;                                                \
	}
#define ALU1_KEEP_CARRY(name, insn, suffix, type) \
	ALU1(name, insn, suffix, type, RFLAGS_ARITH & ~RFLAGS_CF)
#define ALU1_ALL(name, insn, suffix, type) \
	ALU1(name, insn, suffix, type, RFLAGS_ARITH)
#define ALU1_NONE(name, insn, suffix, type) ALU1(name, insn, suffix, type, 0)

ALU_SIZES(ALU1_KEEP_CARRY, inc, "inc")
ALU_SIZES(ALU1_KEEP_CARRY, dec, "dec")
ALU_SIZES(ALU1_ALL, neg, "neg")
ALU_SIZES(ALU1_NONE, not, "not")

/* Forms. E: r/m, G: reg, I: immediate; first is the destination. */

static ALWAYS_INLINE int form_eg_reg(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	gpr_write(cpu, in->rm_off, size,
		  fn(cpu, gpr_read(cpu, in->rm_off, size),
		     gpr_read(cpu, in->reg_off, size)));
	return X86_OK;
}

static ALWAYS_INLINE int form_ge_reg(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	gpr_write(cpu, in->reg_off, size,
		  fn(cpu, gpr_read(cpu, in->reg_off, size),
		     gpr_read(cpu, in->rm_off, size)));
	return X86_OK;
}

static ALWAYS_INLINE int form_ge_mem(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	u64 value = 0;
	int rc = operand_read(cpu, in, &value, 1u << size);

	if (rc)
		return rc;
	gpr_write(cpu, in->reg_off, size,
		  fn(cpu, gpr_read(cpu, in->reg_off, size), value));
	return X86_OK;
}

static ALWAYS_INLINE int form_eg_mem(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	return rmw_apply(cpu, in, insn_offset(cpu, in), size,
			 gpr_read(cpu, in->reg_off, size), fn);
}

static ALWAYS_INLINE int form_ei_reg(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	gpr_write(cpu, in->rm_off, size,
		  fn(cpu, gpr_read(cpu, in->rm_off, size), in->imm));
	return X86_OK;
}

static ALWAYS_INLINE int form_ei_mem(struct x86_cpu *cpu, const struct insn *in,
				     u32 size, alu_fn fn)
{
	return rmw_apply(cpu, in, insn_offset(cpu, in), size, in->imm, fn);
}

/* INC and DEC of a register named by the opcode. */
static ALWAYS_INLINE int form_z(struct x86_cpu *cpu, const struct insn *in,
				u32 size, alu_fn fn)
{
	gpr_write(cpu, in->reg_off, size,
		  fn(cpu, gpr_read(cpu, in->reg_off, size), 0));
	return X86_OK;
}

/* CMP and TEST: the result goes nowhere. */
static ALWAYS_INLINE int form_test(struct x86_cpu *cpu, const struct insn *in,
				   u32 size, bool reversed, bool immediate,
				   alu_fn fn)
{
	u64 value,
		other = immediate ? in->imm : gpr_read(cpu, in->reg_off, size);
	int rc = source_read(cpu, in, size, &value);

	if (rc)
		return rc;
	if (reversed)
		(void)fn(cpu, other, value);
	else
		(void)fn(cpu, value, other);
	return X86_OK;
}

#define H(name, body)                                               \
	static int name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                           \
		return body;                                        \
	}

#define HANDLERS2_SIZED(op, s, size)                             \
	H(op##_eg_reg_##s, form_eg_reg(cpu, in, size, op##_##s)) \
	H(op##_eg_mem_##s, form_eg_mem(cpu, in, size, op##_##s)) \
	H(op##_ge_reg_##s, form_ge_reg(cpu, in, size, op##_##s)) \
	H(op##_ge_mem_##s, form_ge_mem(cpu, in, size, op##_##s)) \
	H(op##_ei_reg_##s, form_ei_reg(cpu, in, size, op##_##s)) \
	H(op##_ei_mem_##s, form_ei_mem(cpu, in, size, op##_##s))
#define HANDLERS2(op)                \
	HANDLERS2_SIZED(op, b, SZ_B) \
	HANDLERS2_SIZED(op, w, SZ_W) \
	HANDLERS2_SIZED(op, l, SZ_L) \
	HANDLERS2_SIZED(op, q, SZ_Q)

HANDLERS2(add)
HANDLERS2(or)
HANDLERS2(adc)
HANDLERS2(sbb)
HANDLERS2(and)
HANDLERS2(sub)
HANDLERS2(xor)

#define TESTS_SIZED(name, op, s, size)                                     \
	H(name##_eg_##s, form_test(cpu, in, size, false, false, op##_##s)) \
	H(name##_ge_##s, form_test(cpu, in, size, true, false, op##_##s))  \
	H(name##_ei_##s, form_test(cpu, in, size, false, true, op##_##s))
#define TESTS(name, op)                \
	TESTS_SIZED(name, op, b, SZ_B) \
	TESTS_SIZED(name, op, w, SZ_W) \
	TESTS_SIZED(name, op, l, SZ_L) \
	TESTS_SIZED(name, op, q, SZ_Q)

TESTS(cmp, sub)
TESTS(test, and)

#define HANDLERS1_SIZED(op, s, size)                          \
	H(op##_z_##s, form_z(cpu, in, size, op##_##s))        \
	H(op##_reg_##s, form_ei_reg(cpu, in, size, op##_##s)) \
	H(op##_mem_##s, form_ei_mem(cpu, in, size, op##_##s))
#define HANDLERS1(op)                \
	HANDLERS1_SIZED(op, b, SZ_B) \
	HANDLERS1_SIZED(op, w, SZ_W) \
	HANDLERS1_SIZED(op, l, SZ_L) \
	HANDLERS1_SIZED(op, q, SZ_Q)

HANDLERS1(inc)
HANDLERS1(dec)
HANDLERS1(neg)
HANDLERS1(not )

/* [eg reg, eg mem, ge reg, ge mem, ei reg, ei mem][size]; a register of the
 * opcode counts as ge reg. */
#define ROW4(name)                                     \
	{                                              \
		name##_b, name##_w, name##_l, name##_q \
	}
#define TABLE2(op)                                                              \
	{                                                                       \
		ROW4(op##_eg_reg), ROW4(op##_eg_mem), ROW4(op##_ge_reg),        \
			ROW4(op##_ge_mem), ROW4(op##_ei_reg), ROW4(op##_ei_mem) \
	}
#define TABLE_TEST(op)                                                      \
	{                                                                   \
		ROW4(op##_eg), ROW4(op##_eg), ROW4(op##_ge), ROW4(op##_ge), \
			ROW4(op##_ei), ROW4(op##_ei)                        \
	}
#define TABLE1(op)                                                            \
	{                                                                     \
		ROW4(op##_reg), ROW4(op##_mem), ROW4(op##_z), ROW4(op##_mem), \
			ROW4(op##_reg), ROW4(op##_mem)                        \
	}

typedef insn_exec_fn alu_forms[6][4];

static const alu_forms alu_add = TABLE2(add), alu_or = TABLE2(or),
		       alu_adc = TABLE2(adc), alu_sbb = TABLE2(sbb),
		       alu_and = TABLE2(and), alu_sub = TABLE2(sub),
		       alu_xor = TABLE2(xor), alu_cmp = TABLE_TEST(cmp),
		       alu_test = TABLE_TEST(test), alu_inc = TABLE1(inc),
		       alu_dec = TABLE1(dec), alu_neg = TABLE1(neg),
		       alu_not = TABLE1(not );

static const alu_forms *const alu_rows[INSN_COUNT] = {
	[INSN_ADD] = &alu_add, [INSN_OR] = &alu_or,   [INSN_ADC] = &alu_adc,
	[INSN_SBB] = &alu_sbb, [INSN_AND] = &alu_and, [INSN_SUB] = &alu_sub,
	[INSN_XOR] = &alu_xor, [INSN_CMP] = &alu_cmp, [INSN_TEST] = &alu_test,
	[INSN_INC] = &alu_inc, [INSN_DEC] = &alu_dec, [INSN_NEG] = &alu_neg,
	[INSN_NOT] = &alu_not,
};

static bool is_immediate(u32 operand)
{
	return operand == OP_Ib || operand == OP_Ibs || operand == OP_Iz ||
	       operand == OP_Iw || operand == OP_Iv;
}

static bool is_reg_field(u32 operand)
{
	return operand == OP_Gb || operand == OP_Gv || operand == OP_Gw ||
	       operand == OP_Gy;
}

insn_exec_fn alu_bind(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->row];
	u32 memory = in->flags & INSN_MEM ? 1 : 0;
	u32 form = 0;

	if (is_immediate(row->op[1]))
		form = 4;
	else if (is_reg_field(row->op[0]) || row->op[0] == OP_Zv)
		form = 2;
	return (*alu_rows[in->id])[form + memory][in->op_size];
}
