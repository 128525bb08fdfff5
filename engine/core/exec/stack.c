/* SPDX-License-Identifier: MIT */
/*
 * PUSH, POP and the frames of ENTER and LEAVE.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

static int push_reg64(struct x86_cpu *cpu, const struct insn *in)
{
	return stack_push(cpu, *(u64 *)gpr_at(cpu, in->reg_off), 8);
}

static int push_reg(struct x86_cpu *cpu, const struct insn *in)
{
	return stack_push(cpu, gpr_read(cpu, in->reg_off, in->op_size),
			  1u << in->op_size);
}

static int push_rm(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value;
	int rc = source_read(cpu, in, in->op_size, &value);

	return rc ? rc : stack_push(cpu, value, 1u << in->op_size);
}

static int push_imm(struct x86_cpu *cpu, const struct insn *in)
{
	return stack_push(cpu, in->imm, 1u << in->op_size);
}

static int pop_reg(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value;
	int rc = stack_pop(cpu, &value, 1u << in->op_size);

	if (!rc) /* POP RSP: the popped value wins over the increment */
		gpr_write(cpu, in->reg_off, in->op_size, value);
	return rc;
}

/* POP to memory addresses with RSP already moved. [SDM2 "POP"] */
static int pop_rm(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = 1u << in->op_size;
	u64 value, rsp = cpu->gpr[RSP];
	int rc;

	if (!(in->flags & INSN_MEM)) {
		rc = stack_pop(cpu, &value, bytes);
		if (!rc)
			gpr_write(cpu, in->rm_off, in->op_size, value);
		return rc;
	}
	rc = stack_pop(cpu, &value, bytes);
	if (!rc)
		rc = operand_write(cpu, in, &value, bytes);
	if (rc)
		cpu->gpr[RSP] = rsp;
	return rc;
}

static const u8 all_order[] = {RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI};

static int push_all(struct x86_cpu *cpu, const struct insn *in)
{
	u64 rsp = cpu->gpr[RSP];

	for (u32 i = 0; i < ARRAY_SIZE(all_order); i++) {
		u64 value = all_order[i] == RSP ? rsp : cpu->gpr[all_order[i]];
		int rc = stack_push(cpu, value, 1u << in->op_size);

		if (rc) {
			cpu->gpr[RSP] = rsp;
			return rc;
		}
	}
	return X86_OK;
}

/* Each register is loaded as it comes: a fault leaves the earlier ones changed,
 * but RSP as it was. */
static int pop_all(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = 1u << in->op_size;
	u64 value;

	for (u32 i = 0; i < 8; i++) {
		u32 reg = all_order[7 - i];
		int rc = stack_read(cpu, i * bytes, &value, bytes);

		if (rc)
			return rc;
		if (reg != RSP)
			gpr_write(cpu, GPR_OFFSET(reg), in->op_size, value);
	}
	value = (cpu->gpr[RSP] + 8 * bytes) & stack_mask(cpu);
	gpr_write(cpu, GPR_OFFSET(RSP), stack_mask(cpu) == 0xffff ? SZ_W : SZ_L,
		  value);
	return X86_OK;
}

/* RBP's part that addresses the stack. */
static u64 frame_pointer(const struct x86_cpu *cpu)
{
	return cpu->gpr[RBP] & stack_mask(cpu);
}

static int stack_at(struct x86_cpu *cpu, u64 offset, u64 *ret, u32 bytes)
{
	u32 seg = cpu->code == CODE_64 ? SEG_NONE : SEG_SS;

	*ret = 0;
	return segment_read(cpu, seg, offset & stack_mask(cpu), ret, bytes,
			    SEG_SS);
}

static int enter(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = 1u << in->op_size, level = in->imm >> 16 & 31;
	u64 rsp = cpu->gpr[RSP], mask = stack_mask(cpu), frame, value;
	u64 locals = in->imm & 0xffff;
	int rc = stack_push(cpu, cpu->gpr[RBP], bytes);

	frame = cpu->gpr[RSP];
	for (u32 i = 1; !rc && i < level; i++) {
		rc = stack_at(cpu, frame_pointer(cpu) - i * bytes, &value,
			      bytes);
		if (!rc)
			rc = stack_push(cpu, value, bytes);
	}
	if (!rc && level)
		rc = stack_push(cpu, frame, bytes);
	if (!rc) /* the final stack must be writable where it ends */
		rc = linear_probe(
			cpu,
			(cpu->segment_base[cpu->code == CODE_64 ? SEG_NONE : SEG_SS] +
			 ((cpu->gpr[RSP] - locals) & mask)) &
				cpu->linear_mask,
			bytes, true, SEG_SS);
	if (rc) {
		cpu->gpr[RSP] = rsp;
		return rc;
	}
	gpr_write(cpu, GPR_OFFSET(RSP),
		  mask == 0xffff  ? SZ_W
		  : mask == ~0ull ? SZ_Q
				  : SZ_L,
		  cpu->gpr[RSP] - locals);
	gpr_write(cpu, GPR_OFFSET(RBP), in->op_size, frame);
	return X86_OK;
}

static int leave(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value, mask = stack_mask(cpu), offset = frame_pointer(cpu);
	u32 size = mask == 0xffff ? SZ_W : mask == ~0ull ? SZ_Q : SZ_L;
	int rc = stack_at(cpu, offset, &value, 1u << in->op_size);

	if (rc)
		return rc;
	gpr_write(cpu, GPR_OFFSET(RSP), size, offset + (1u << in->op_size));
	gpr_write(cpu, GPR_OFFSET(RBP), in->op_size, value);
	return X86_OK;
}

static insn_exec_fn push_bind(const struct insn *in)
{
	switch (insn_rows[in->row].op[0]) {
	case OP_Zv:
		return in->op_size == SZ_Q ? push_reg64 : push_reg;
	case OP_Ev:
		return push_rm;
	default:
		return push_imm;
	}
}

insn_exec_fn stack_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_PUSH:
		return push_bind(in);
	case INSN_POP:
		return insn_rows[in->row].op[0] == OP_Zv ? pop_reg : pop_rm;
	case INSN_PUSHA:
		return push_all;
	case INSN_POPA:
		return pop_all;
	case INSN_ENTER:
		return enter;
	default:
		return leave;
	}
}
