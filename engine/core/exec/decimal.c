/* SPDX-License-Identifier: MIT */
/*
 * Decimal adjustment, which 64-bit hosts no longer execute: the one group of
 * integer instructions computed by hand. Flags left undefined by the manual
 * follow what Intel processors do: SF, ZF and PF by the result, OF clear.
 * [SDM2 3.3 "AAA", "AAD", "AAM", "AAS", "DAA", "DAS"]
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"

static u64 result_flags(u8 value)
{
	u64 flags = 0;

	if (!(__builtin_popcount(value) & 1))
		flags |= RFLAGS_PF;
	if (!value)
		flags |= RFLAGS_ZF;
	if (value & 0x80)
		flags |= RFLAGS_SF;
	return flags;
}

static void flags_replace(struct x86_cpu *cpu, u64 flags)
{
	cpu->rflags = (cpu->rflags & ~(u64)RFLAGS_ARITH) | flags;
}

/* AAA and AAS: AL is a digit, AH counts the carry. */
static int adjust_ascii(struct x86_cpu *cpu, const struct insn *in)
{
	u16 ax = (u16)cpu->gpr[RAX];
	bool carry = (ax & 0xf) > 9 || (cpu->rflags & RFLAGS_AF);

	if (carry)
		ax = in->id == INSN_AAA ? (u16)(ax + 0x106) : (u16)(ax - 0x106);
	ax &= 0xff0f;
	flags_replace(cpu, result_flags((u8)ax) |
				   (carry ? RFLAGS_CF | RFLAGS_AF : 0));
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_W, ax);
	return X86_OK;
}

/* DAA and DAS: both nibbles are digits. */
static int adjust_packed(struct x86_cpu *cpu, const struct insn *in)
{
	u8 old = (u8)cpu->gpr[RAX], al = old;
	bool carry = cpu->rflags & RFLAGS_CF, half = cpu->rflags & RFLAGS_AF;
	bool add = in->id == INSN_DAA, out = false;

	if ((old & 0xf) > 9 || half) {
		out = carry || (add ? old > 0xf9 : old < 6);
		al = (u8)(add ? al + 6 : al - 6);
		half = true;
	} else {
		half = false;
	}
	if (old > 0x99 || carry) {
		al = (u8)(add ? al + 0x60 : al - 0x60);
		out = true;
	}
	flags_replace(cpu, result_flags(al) | (out ? RFLAGS_CF : 0) |
				   (half ? RFLAGS_AF : 0));
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_B, al);
	return X86_OK;
}

static int adjust_multiply(struct x86_cpu *cpu, const struct insn *in)
{
	u8 base = (u8)in->imm, al = (u8)cpu->gpr[RAX];

	if (!base)
		return raise_fault(cpu, VECTOR_DE);
	flags_replace(cpu, result_flags(al % base));
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_W, (u64)(al / base) << 8 | al % base);
	return X86_OK;
}

static int adjust_divide(struct x86_cpu *cpu, const struct insn *in)
{
	u16 ax = (u16)cpu->gpr[RAX];
	u8 al = (u8)((ax & 0xff) + (ax >> 8) * (u8)in->imm);

	flags_replace(cpu, result_flags(al));
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_W, al);
	return X86_OK;
}

insn_exec_fn decimal_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_AAA:
	case INSN_AAS:
		return adjust_ascii;
	case INSN_DAA:
	case INSN_DAS:
		return adjust_packed;
	case INSN_AAM:
		return adjust_multiply;
	default:
		return adjust_divide;
	}
}
