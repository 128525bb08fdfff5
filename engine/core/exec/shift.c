/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates, by the host's own instruction on the masked count.
 *
 * A count that masks to zero changes no flag; rotates leave SF, ZF, AF and PF.
 * [SDM2 4.3 "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD"]
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

#define ROTATE_FLAGS (RFLAGS_CF | RFLAGS_OF)

#define SHIFT(name, insn, suffix, type, mask)                            \
	static ALWAYS_INLINE u64 name(struct x86_cpu *cpu, u64 a, u64 b) \
	{                                                                \
		type x = (type)a;                                        \
		u8 count = b & (sizeof(type) == 8 ? 63 : 31);            \
		u8 carry = cpu->rflags & RFLAGS_CF;                      \
		u32 ax;                                                  \
                                                                         \
		if (!count)                                              \
			return x;                                        \
		__asm__("addb $255, %[carry]\n\t" insn #suffix           \
			" %%cl, %[x]" FLAGS_OUT                          \
			: [x] "+&q"(x), "=&a"(ax), [carry] "+&q"(carry)  \
			: "c"(count)                                     \
			: "cc");                                         \
		flags_set(cpu, ax, mask);                                \
		return x;                                                \
	}
#define SHIFT_ALL(name, insn, suffix, type) \
	SHIFT(name, insn, suffix, type, RFLAGS_ARITH)

#define SHIFT_ROTATE(name, insn, suffix, type) \
	SHIFT(name, insn, suffix, type, ROTATE_FLAGS)

ALU_SIZES(SHIFT_ALL, shl, "shl")
ALU_SIZES(SHIFT_ALL, shr, "shr")
ALU_SIZES(SHIFT_ALL, sar, "sar")
ALU_SIZES(SHIFT_ROTATE, rol, "rol")
ALU_SIZES(SHIFT_ROTATE, ror, "ror")
ALU_SIZES(SHIFT_ROTATE, rcl, "rcl")
ALU_SIZES(SHIFT_ROTATE, rcr, "rcr")

/* Count from the form: 1, imm8 or CL, settled when bound. */
static ALWAYS_INLINE int shift_run(struct x86_cpu *cpu, const struct insn *in,
				   u32 size, u64 count, alu_fn fn)
{
	if (in->flags & INSN_MEM)
		return rmw_apply(cpu, in, insn_offset(cpu, in), size, count, fn);
	gpr_write(cpu, in->rm_off, size,
		  fn(cpu, gpr_read(cpu, in->rm_off, size), count));
	return X86_OK;
}

#define H(name, body)                                               \
	static int name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                           \
		return body;                                        \
	}
#define SHIFT_SIZED(op, s, size)                                     \
	H(op##_one_##s, shift_run(cpu, in, size, 1, op##_##s))       \
	H(op##_imm_##s, shift_run(cpu, in, size, in->imm, op##_##s)) \
	H(op##_cl_##s, shift_run(cpu, in, size, cpu->gpr[RCX], op##_##s))
#define SHIFT_HANDLERS(op)       \
	SHIFT_SIZED(op, b, SZ_B) \
	SHIFT_SIZED(op, w, SZ_W) \
	SHIFT_SIZED(op, l, SZ_L) \
	SHIFT_SIZED(op, q, SZ_Q)

SHIFT_HANDLERS(shl)
SHIFT_HANDLERS(shr)
SHIFT_HANDLERS(sar)
SHIFT_HANDLERS(rol)
SHIFT_HANDLERS(ror)
SHIFT_HANDLERS(rcl)
SHIFT_HANDLERS(rcr)

#define ROW4(name)                                     \
	{                                              \
		name##_b, name##_w, name##_l, name##_q \
	}
#define TABLE(op)                                             \
	{                                                     \
		ROW4(op##_one), ROW4(op##_imm), ROW4(op##_cl) \
	}

static const struct {
	u16 id;
	insn_exec_fn form[3][4];
} shift_rows[] = {
	{INSN_SHL, TABLE(shl)}, {INSN_SHR, TABLE(shr)}, {INSN_SAR, TABLE(sar)},
	{INSN_ROL, TABLE(rol)}, {INSN_ROR, TABLE(ror)}, {INSN_RCL, TABLE(rcl)},
	{INSN_RCR, TABLE(rcr)},
};

/* SHLD and SHRD: the second operand comes through a register of the form. */
#define DOUBLE(name, insn, suffix, type)                                 \
	static ALWAYS_INLINE u64 name(struct x86_cpu *cpu, u64 a, u64 b, \
				      u8 count)                          \
	{                                                                \
		type x = (type)a, y = (type)b;                           \
		u32 ax;                                                  \
                                                                         \
		count &= sizeof(type) == 8 ? 63 : 31;                    \
		if (!count)                                              \
			return x;                                        \
		__asm__(insn #suffix " %%cl, %[y], %[x]" FLAGS_OUT       \
			: [x] "+&r"(x), "=&a"(ax)                        \
			: [y] "r"(y), "c"(count)                         \
			: "cc");                                         \
		flags_set(cpu, ax, RFLAGS_ARITH);                        \
		return x;                                                \
	}

DOUBLE(shld_w, "shld", w, u16)
DOUBLE(shld_l, "shld", l, u32)
DOUBLE(shld_q, "shld", q, u64)
DOUBLE(shrd_w, "shrd", w, u16)
DOUBLE(shrd_l, "shrd", l, u32)
DOUBLE(shrd_q, "shrd", q, u64)

static u64 double_apply(struct x86_cpu *cpu, const struct insn *in, u64 a,
			u64 b, u8 count)
{
	bool left = in->id == INSN_SHLD;

	switch (in->op_size) {
	case SZ_W:
		return left ? shld_w(cpu, a, b, count)
			    : shrd_w(cpu, a, b, count);
	case SZ_L:
		return left ? shld_l(cpu, a, b, count)
			    : shrd_l(cpu, a, b, count);
	default:
		return left ? shld_q(cpu, a, b, count)
			    : shrd_q(cpu, a, b, count);
	}
}

static int double_shift(struct x86_cpu *cpu, const struct insn *in)
{
	bool by_cl = insn_rows[in->row].op[2] == OP_CL;
	u8 count = (u8)(by_cl ? cpu->gpr[RCX] : in->imm);
	u64 b = gpr_read(cpu, in->reg_off, in->op_size);
	u64 flags = cpu->rflags;
	struct rmw rmw;
	int rc;

	if (!(in->flags & INSN_MEM)) {
		u64 a = gpr_read(cpu, in->rm_off, in->op_size);

		gpr_write(cpu, in->rm_off, in->op_size,
			  double_apply(cpu, in, a, b, count));
		return X86_OK;
	}
	rc = rmw_begin(cpu, in, insn_offset(cpu, in), 1u << in->op_size, false,
		       &rmw);
	if (rc)
		return rc;
	host_store(rmw.host,
		   double_apply(cpu, in, host_load(rmw.host, in->op_size), b,
				count),
		   in->op_size);
	rc = rmw_commit(cpu, &rmw);
	if (rc)
		cpu->rflags = flags;
	return rc;
}

/* BMI2: no flags; count from a register or an immediate. */
static int shift_flagless(struct x86_cpu *cpu, const struct insn *in)
{
	u32 width = in->op_size == SZ_Q ? 64 : 32;
	u64 value, count;
	int rc = source_read(cpu, in, in->op_size, &value);

	if (rc)
		return rc;
	count = in->id == INSN_RORX ? in->imm : cpu->gpr[in->vvvv];
	count &= width - 1;
	switch (in->id) {
	case INSN_SHLX:
		value <<= count;
		break;
	case INSN_SHRX:
		value >>= count;
		break;
	case INSN_SARX:
		value = width == 64 ? (u64)((s64)value >> count)
				    : (u64)((s32)(u32)value >> count);
		break;
	default:
		if (count)
			value = value >> count | value << (width - count);
	}
	gpr_write(cpu, in->reg_off, in->op_size, value);
	return X86_OK;
}

insn_exec_fn shift_bind(const struct insn *in)
{
	u32 count = insn_rows[in->row].op[1];
	u32 form = count == OP_ONE ? 0 : count == OP_CL ? 2 : 1;

	if (in->id == INSN_SHLD || in->id == INSN_SHRD)
		return double_shift;
	for (u32 i = 0; i < ARRAY_SIZE(shift_rows); i++)
		if (shift_rows[i].id == in->id)
			return shift_rows[i].form[form][in->op_size];
	return shift_flagless;
}
