/* SPDX-License-Identifier: MIT */
/*
 * Moves, extensions, conditional moves, flag moves and address arithmetic.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

#define H(name, body)                                               \
	static int name(struct x86_cpu *cpu, const struct insn *in) \
	{                                                           \
		return body;                                        \
	}
#define SIZED(name, helper)                \
	H(name##_b, helper(cpu, in, SZ_B)) \
	H(name##_w, helper(cpu, in, SZ_W)) \
	H(name##_l, helper(cpu, in, SZ_L)) \
	H(name##_q, helper(cpu, in, SZ_Q))
#define ROW4(name)                                     \
	{                                              \
		name##_b, name##_w, name##_l, name##_q \
	}

static ALWAYS_INLINE int store_reg(struct x86_cpu *cpu, const struct insn *in,
				   u32 size)
{
	return operand_write(cpu, in, gpr_at(cpu, in->reg_off), 1u << size);
}

static ALWAYS_INLINE int load_reg(struct x86_cpu *cpu, const struct insn *in,
				  u32 size)
{
	u64 value = 0;
	int rc = operand_read(cpu, in, &value, 1u << size);

	if (!rc)
		gpr_write(cpu, in->reg_off, size, value);
	return rc;
}

static ALWAYS_INLINE int move_rm_reg(struct x86_cpu *cpu, const struct insn *in,
				     u32 size)
{
	gpr_write(cpu, in->rm_off, size, gpr_read(cpu, in->reg_off, size));
	return X86_OK;
}

static ALWAYS_INLINE int move_reg_rm(struct x86_cpu *cpu, const struct insn *in,
				     u32 size)
{
	gpr_write(cpu, in->reg_off, size, gpr_read(cpu, in->rm_off, size));
	return X86_OK;
}

static ALWAYS_INLINE int move_rm_imm(struct x86_cpu *cpu, const struct insn *in,
				     u32 size)
{
	gpr_write(cpu, in->rm_off, size, in->imm);
	return X86_OK;
}

static ALWAYS_INLINE int move_reg_imm(struct x86_cpu *cpu,
				      const struct insn *in, u32 size)
{
	gpr_write(cpu, in->reg_off, size, in->imm);
	return X86_OK;
}

static ALWAYS_INLINE int store_imm(struct x86_cpu *cpu, const struct insn *in,
				   u32 size)
{
	return operand_write(cpu, in, &in->imm, 1u << size);
}

SIZED(mov_store, store_reg)
SIZED(mov_load, load_reg)
SIZED(mov_rm_reg, move_rm_reg)
SIZED(mov_reg_rm, move_reg_rm)
SIZED(mov_rm_imm, move_rm_imm)
SIZED(mov_reg_imm, move_reg_imm)
SIZED(mov_store_imm, store_imm)

static insn_exec_fn mov_bind(const struct insn *in)
{
	static const insn_exec_fn store[] = ROW4(mov_store),
				  load[] = ROW4(mov_load),
				  rm_reg[] = ROW4(mov_rm_reg),
				  reg_rm[] = ROW4(mov_reg_rm),
				  rm_imm[] = ROW4(mov_rm_imm),
				  reg_imm[] = ROW4(mov_reg_imm),
				  imm[] = ROW4(mov_store_imm);
	const struct insn_row *row = &insn_rows[in->row];
	bool memory = in->flags & INSN_MEM;

	switch (row->op[0]) {
	case OP_Zb:
	case OP_Zv:
		return reg_imm[in->op_size];
	case OP_Gb:
	case OP_Gv:
		return (memory ? load : reg_rm)[in->op_size];
	default:
		break;
	}
	if (row->op[1] == OP_Gb || row->op[1] == OP_Gv)
		return (memory ? store : rm_reg)[in->op_size];
	return (memory ? imm : rm_imm)[in->op_size];
}

/* MOV AL/rAX, moffs and back: the address is the immediate. */
static int mov_moffs(struct x86_cpu *cpu, const struct insn *in)
{
	u32 operand = insn_rows[in->row].op[0];
	u64 offset = in->imm & address_mask[in->addr_size],
	    value = cpu->gpr[RAX];
	u32 bytes = 1u << in->op_size;
	int rc;

	if (operand == OP_Ob || operand == OP_Ov)
		return segment_write(cpu, in->seg, offset, &value, bytes,
				     in->seg);
	value = 0;
	rc = segment_read(cpu, in->seg, offset, &value, bytes, in->seg);
	if (!rc)
		gpr_write(cpu, GPR_OFFSET(RAX), in->op_size, value);
	return rc;
}

/* MOVNTI, MOVDIRI: stores that cache differently. */
static int mov_nontemporal(struct x86_cpu *cpu, const struct insn *in)
{
	return operand_write(cpu, in, gpr_at(cpu, in->reg_off),
			     1u << in->op_size);
}

/* Extensions from 8, 16 and 32 bits. rm_off is a byte offset for byte rows. */
static ALWAYS_INLINE int extend(struct x86_cpu *cpu, const struct insn *in,
				u32 from, bool sign)
{
	u64 value;
	int rc = source_read(cpu, in, from, &value);

	if (rc)
		return rc;
	if (sign)
		value = from == SZ_B   ? (u64)(s8)value
			: from == SZ_W ? (u64)(s16)value
				       : (u64)(s32)value;
	gpr_write(cpu, in->reg_off, in->op_size, value);
	return X86_OK;
}
H(movzx8, extend(cpu, in, SZ_B, false))
H(movzx16, extend(cpu, in, SZ_W, false))
H(movsx8, extend(cpu, in, SZ_B, true))
H(movsx16, extend(cpu, in, SZ_W, true))

/* MOVSXD with a 16-bit operand moves 16 bits, of which AMD reads 32. */
static int movsxd(struct x86_cpu *cpu, const struct insn *in)
{
	bool half = in->op_size == SZ_W && !cpu->vendor_amd;

	return extend(cpu, in, half ? SZ_W : SZ_L, true);
}

static int lea(struct x86_cpu *cpu, const struct insn *in)
{
	gpr_write(cpu, in->reg_off, in->op_size, insn_offset(cpu, in));
	return X86_OK;
}

static ALWAYS_INLINE int cmov(struct x86_cpu *cpu, const struct insn *in,
			      u32 size)
{
	u64 value;
	int rc = source_read(cpu, in, size, &value);

	if (rc)
		return rc;
	if (!condition(cpu->rflags, in->cond))
		value = gpr_read(cpu, in->reg_off, size);
	gpr_write(cpu, in->reg_off, size,
		  value); /* 32-bit: zero-extends anyway */
	return X86_OK;
}
SIZED(cmovcc, cmov)

static int setcc(struct x86_cpu *cpu, const struct insn *in)
{
	u8 value = condition(cpu->rflags, in->cond);

	if (in->flags & INSN_MEM)
		return operand_write(cpu, in, &value, 1);
	gpr_write(cpu, in->rm_off, SZ_B, value);
	return X86_OK;
}

/* CBW, CWDE, CDQE */
static int convert_a(struct x86_cpu *cpu, const struct insn *in)
{
	u64 a = cpu->gpr[RAX];
	u64 value = in->op_size == SZ_W	  ? (u64)(s8)a
		    : in->op_size == SZ_L ? (u64)(s16)a
					  : (u64)(s32)a;

	gpr_write(cpu, GPR_OFFSET(RAX), in->op_size, value);
	return X86_OK;
}

/* CWD, CDQ, CQO */
static int convert_d(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bits = 8u << in->op_size;
	u64 sign = cpu->gpr[RAX] >> (bits - 1) & 1;

	gpr_write(cpu, GPR_OFFSET(RDX), in->op_size, sign ? ~0ull : 0);
	return X86_OK;
}

static int lahf(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	gpr_write(cpu, GPR_OFFSET(RAX) + 1, SZ_B, (cpu->rflags & 0xd5) | 2);
	return X86_OK;
}

static int sahf(struct x86_cpu *cpu, const struct insn *in)
{
	u64 mask = RFLAGS_ARITH & ~RFLAGS_OF;

	(void)in;
	cpu->rflags = (cpu->rflags & ~mask) |
		      (gpr_read(cpu, GPR_OFFSET(RAX) + 1, SZ_B) & mask);
	return X86_OK;
}

static int salc(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	gpr_write(cpu, GPR_OFFSET(RAX), SZ_B,
		  cpu->rflags & RFLAGS_CF ? 0xff : 0);
	return X86_OK;
}

static int flag_op(struct x86_cpu *cpu, const struct insn *in)
{
	switch (in->id) {
	case INSN_CLC:
		cpu->rflags &= ~RFLAGS_CF;
		break;
	case INSN_STC:
		cpu->rflags |= RFLAGS_CF;
		break;
	case INSN_CMC:
		cpu->rflags ^= RFLAGS_CF;
		break;
	case INSN_CLD:
		cpu->rflags &= ~RFLAGS_DF;
		break;
	default:
		cpu->rflags |= RFLAGS_DF;
	}
	return X86_OK;
}

static int xlat(struct x86_cpu *cpu, const struct insn *in)
{
	u64 offset = (cpu->gpr[RBX] + (cpu->gpr[RAX] & 0xff)) &
		     address_mask[in->addr_size];
	u8 value;
	int rc = segment_read(cpu, in->seg, offset, &value, 1, in->seg);

	if (!rc)
		gpr_write(cpu, GPR_OFFSET(RAX), SZ_B, value);
	return rc;
}

static int nop(struct x86_cpu *cpu, const struct insn *in)
{
	(void)cpu;
	(void)in;
	return X86_OK;
}

insn_exec_fn move_bind(const struct insn *in)
{
	static const insn_exec_fn cmov_table[] = ROW4(cmovcc);

	switch (in->id) {
	case INSN_MOV:
		return mov_bind(in);
	case INSN_MOV_MOFFS:
		return mov_moffs;
	case INSN_MOVNTI:
	case INSN_MOVDIRI:
		return mov_nontemporal;
	case INSN_MOVZX8:
		return movzx8;
	case INSN_MOVZX16:
		return movzx16;
	case INSN_MOVSX8:
		return movsx8;
	case INSN_MOVSX16:
		return movsx16;
	case INSN_MOVSXD:
		return movsxd;
	case INSN_LEA:
		return lea;
	case INSN_CMOVCC:
		return cmov_table[in->op_size];
	case INSN_SETCC:
		return setcc;
	case INSN_CBW:
		return convert_a;
	case INSN_CWD:
		return convert_d;
	case INSN_LAHF:
		return lahf;
	case INSN_SAHF:
		return sahf;
	case INSN_SALC:
		return salc;
	case INSN_XLAT:
		return xlat;
	case INSN_NOP:
	case INSN_PREFETCHNTA:
	case INSN_PREFETCHT0:
	case INSN_PREFETCHT1:
	case INSN_PREFETCHT2:
	case INSN_PREFETCHW:
		return nop;
	default:
		return flag_op;
	}
}
