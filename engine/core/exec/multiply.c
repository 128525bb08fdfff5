/* SPDX-License-Identifier: MIT */
/*
 * Multiplication and division. A division is checked before the host's own
 * instruction runs, because the host must never fault on a guest's operands.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* One-operand multiply: *a becomes the low half, *high the high one. The
 * byte form leaves both in AX and is not made here. */
#define MUL_WIDE(name, insn, suffix, type)                                  \
	static void name(struct x86_cpu *cpu, u64 *a, u64 b, u64 *ret_high) \
	{                                                                   \
		u64 ax = *a, low, high;                                     \
                                                                            \
		__asm__(insn #suffix " %[b]\n\tmov %%rax, %[low]" FLAGS_OUT \
			: "+&a"(ax), "=&d"(high), [low] "=&r"(low)          \
			: [b] "r"((type)b)                                  \
			: "cc");                                            \
		flags_set(cpu, (u32)ax, RFLAGS_ARITH);                      \
		*a = (type)low;                                             \
		*ret_high = (type)high;                                     \
	}
#define MUL_SIZES(name, insn)            \
	MUL_WIDE(name##_b, insn, b, u8)  \
	MUL_WIDE(name##_w, insn, w, u16) \
	MUL_WIDE(name##_l, insn, l, u32) \
	MUL_WIDE(name##_q, insn, q, u64)

MUL_SIZES(mul, "mul")
MUL_SIZES(imul, "imul")

/* The byte form's product is 16 bits of AX, not a low and a high register. */
static void multiply_byte(struct x86_cpu *cpu, u64 b, bool is_signed)
{
	u64 a = cpu->gpr[RAX] & 0xff, high;
	u16 product = is_signed ? (u16)((s8)a * (s8)b) : (u16)(a * (b & 0xff));

	if (is_signed)
		imul_b(cpu, &a, b, &high);
	else
		mul_b(cpu, &a, b, &high);
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_W, product);
}

static int multiply_wide(struct x86_cpu *cpu, const struct insn *in)
{
	static void (*const table[2][4])(struct x86_cpu *, u64 *, u64, u64 *) = {
		{mul_b, mul_w, mul_l, mul_q}, {imul_b, imul_w, imul_l, imul_q}};
	bool is_signed = in->id == INSN_IMUL1;
	u64 low, high, b;
	int rc = source_read(cpu, in, in->op_size, &b);

	if (rc)
		return rc;
	if (in->op_size == SZ_B) {
		multiply_byte(cpu, b, is_signed);
		return X86_OK;
	}
	low = cpu->gpr[RAX];
	table[is_signed][in->op_size](cpu, &low, b, &high);
	gpr_write(cpu, GPR_OFFSET(RAX), in->op_size, low);
	gpr_write(cpu, GPR_OFFSET(RDX), in->op_size, high);
	return X86_OK;
}

ALU2(imul2_w, "imul", w, u16)
ALU2(imul2_l, "imul", l, u32)
ALU2(imul2_q, "imul", q, u64)

static int imul_truncating(struct x86_cpu *cpu, const struct insn *in)
{
	bool three = insn_rows[in->row].op[2] != OP_NONE;
	u64 a, b, result;
	int rc = source_read(cpu, in, in->op_size, &a);

	if (rc)
		return rc;
	b = three ? in->imm : gpr_read(cpu, in->reg_off, in->op_size);
	if (in->op_size == SZ_W)
		result = imul2_w(cpu, a, b);
	else if (in->op_size == SZ_L)
		result = imul2_l(cpu, a, b);
	else
		result = imul2_q(cpu, a, b);
	gpr_write(cpu, in->reg_off, in->op_size, result);
	return X86_OK;
}

/* RDX:RAX / b with the quotient known to fit. */
static void divide_wide(u64 *low, u64 *high, u64 b)
{
	__asm__("divq %[b]" : "+a"(*low), "+d"(*high) : [b] "r"(b) : "cc");
}

/* Unsigned high:low / b of `size` bits each; false: #DE. */
static bool divide_unsigned(u64 *low, u64 *high, u64 b, u32 size)
{
	u32 bits = 8u << size;
	u64 dividend, quotient;

	if (*high >= b) /* covers b == 0 */
		return false;
	if (size == SZ_Q) {
		divide_wide(low, high, b);
		return true;
	}
	dividend = *high << bits | *low;
	quotient = dividend / b;
	*high = dividend % b;
	*low = quotient;
	return true;
}

/* Signed: by magnitudes, then signs; truncates towards zero. */
static bool divide_signed(u64 *low, u64 *high, u64 b, u32 size)
{
	u32 bits = 8u << size;
	u64 mask = bits == 64 ? ~0ull : BIT(bits) - 1, top = BIT(bits - 1);
	bool negative = *high & top, divisor_negative = b & top;
	u64 lo = *low, hi = *high, limit;

	if (negative) {
		lo = (~lo + 1) & mask;
		hi = (~hi + (lo == 0)) & mask;
	}
	if (divisor_negative)
		b = (~b + 1) & mask;
	if (!divide_unsigned(&lo, &hi, b, size))
		return false;
	limit = negative != divisor_negative ? top : top - 1;
	if (lo > limit)
		return false;
	*low = negative != divisor_negative ? ~lo + 1 : lo;
	*high = negative ? ~hi + 1 : hi;
	return true;
}

static int divide(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = in->op_size;
	u64 low, high, b;
	bool fits;
	int rc = source_read(cpu, in, size, &b);

	if (rc)
		return rc;
	low = gpr_read(cpu, GPR_OFFSET(RAX), size);
	high = size == SZ_B ? gpr_read(cpu, GPR_OFFSET(RAX) + 1, SZ_B)
			    : gpr_read(cpu, GPR_OFFSET(RDX), size);
	fits = in->id == INSN_DIV ? divide_unsigned(&low, &high, b, size)
				  : divide_signed(&low, &high, b, size);
	if (!fits)
		return raise_fault(cpu, VECTOR_DE);
	gpr_write(cpu, GPR_OFFSET(RAX), size, low);
	gpr_write(cpu, size == SZ_B ? GPR_OFFSET(RAX) + 1 : GPR_OFFSET(RDX),
		  size, high);
	return X86_OK;
}

/* MULX: RDX * source into two registers, no flags. */
static int multiply_flagless(struct x86_cpu *cpu, const struct insn *in)
{
	u64 b, low, high;
	int rc = source_read(cpu, in, in->op_size, &b);

	if (rc)
		return rc;
	if (in->op_size == SZ_Q) {
		unsigned __int128 product = (unsigned __int128)cpu->gpr[RDX] * b;

		low = (u64)product;
		high = (u64)(product >> 64);
	} else {
		low = (cpu->gpr[RDX] & 0xffffffff) * b;
		high = low >> 32;
	}
	/* The same register twice gets the high half. */
	gpr_write(cpu, GPR_OFFSET(in->vvvv), in->op_size, low);
	gpr_write(cpu, in->reg_off, in->op_size, high);
	return X86_OK;
}

insn_exec_fn multiply_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_MUL:
	case INSN_IMUL1:
		return multiply_wide;
	case INSN_IMUL:
		return imul_truncating;
	case INSN_MULX:
		return multiply_flagless;
	default:
		return divide;
	}
}
