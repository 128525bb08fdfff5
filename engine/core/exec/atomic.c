/* SPDX-License-Identifier: MIT */
/*
 * XCHG, XADD and the compare-and-exchange family.
 *
 * XCHG with memory is locked whether it says so or not. CMPXCHG writes its
 * destination in any case, so write permission is always needed.
 */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"

static u64 exchange_host(void *host, u64 value, u32 size)
{
	switch (size) {
	case SZ_B:
		return __atomic_exchange_n((u8 *)host, (u8)value,
					   __ATOMIC_SEQ_CST);
	case SZ_W:
		return __atomic_exchange_n((u16 *)host, (u16)value,
					   __ATOMIC_SEQ_CST);
	case SZ_L:
		return __atomic_exchange_n((u32 *)host, (u32)value,
					   __ATOMIC_SEQ_CST);
	default:
		return __atomic_exchange_n((u64 *)host, value, __ATOMIC_SEQ_CST);
	}
}

static int xchg_reg(struct x86_cpu *cpu, const struct insn *in)
{
	u64 a = gpr_read(cpu, in->rm_off, in->op_size);
	u64 b = gpr_read(cpu, in->reg_off, in->op_size);

	gpr_write(cpu, in->rm_off, in->op_size, b);
	gpr_write(cpu, in->reg_off, in->op_size, a);
	return X86_OK;
}

/* 90+r: rAX with the opcode's register. */
static int xchg_rax(struct x86_cpu *cpu, const struct insn *in)
{
	u64 a = gpr_read(cpu, GPR_OFFSET(RAX), in->op_size);
	u64 b = gpr_read(cpu, in->reg_off, in->op_size);

	gpr_write(cpu, in->reg_off, in->op_size, a);
	gpr_write(cpu, GPR_OFFSET(RAX), in->op_size, b);
	return X86_OK;
}

static int xchg_mem(struct x86_cpu *cpu, const struct insn *in)
{
	struct rmw rmw;
	u64 old;
	int rc = rmw_begin(cpu, in, insn_offset(cpu, in), 1u << in->op_size,
			   true, &rmw);

	if (rc)
		return rc;
	old = exchange_host(rmw.host, gpr_read(cpu, in->reg_off, in->op_size),
			    in->op_size);
	rc = rmw_commit(cpu, &rmw);
	if (!rc)
		gpr_write(cpu, in->reg_off, in->op_size, old);
	return rc;
}

ALU_SIZES(ALU2, sum, "add")
ALU_SIZES(ALU2, compare, "sub")

static u64 add_sized(struct x86_cpu *cpu, u64 a, u64 b, u32 size)
{
	switch (size) {
	case SZ_B:
		return sum_b(cpu, a, b);
	case SZ_W:
		return sum_w(cpu, a, b);
	case SZ_L:
		return sum_l(cpu, a, b);
	default:
		return sum_q(cpu, a, b);
	}
}

static void compare_sized(struct x86_cpu *cpu, u64 a, u64 b, u32 size)
{
	switch (size) {
	case SZ_B:
		(void)compare_b(cpu, a, b);
		break;
	case SZ_W:
		(void)compare_w(cpu, a, b);
		break;
	case SZ_L:
		(void)compare_l(cpu, a, b);
		break;
	default:
		(void)compare_q(cpu, a, b);
	}
}

static int xadd(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = in->op_size;
	u64 b = gpr_read(cpu, in->reg_off, size), flags = cpu->rflags, old, sum;
	struct rmw rmw;
	int rc;

	if (!(in->flags & INSN_MEM)) {
		old = gpr_read(cpu, in->rm_off, size);
		sum = add_sized(cpu, old, b, size);
		gpr_write(cpu, in->reg_off, size, old);
		gpr_write(cpu, in->rm_off, size, sum);
		return X86_OK;
	}
	rc = rmw_begin(cpu, in, insn_offset(cpu, in), 1u << size,
		       in->flags & INSN_LOCK, &rmw);
	if (rc)
		return rc;
	old = host_load(rmw.host, size);
	do
		sum = add_sized(cpu, old, b, size);
	while (!host_cas(rmw.host, &old, sum, size));
	rc = rmw_commit(cpu, &rmw);
	if (rc)
		cpu->rflags = flags;
	else
		gpr_write(cpu, in->reg_off, size, old);
	return rc;
}

static int cmpxchg(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = in->op_size;
	u64 expected = gpr_read(cpu, GPR_OFFSET(RAX), size), old = expected;
	u64 value = gpr_read(cpu, in->reg_off, size);
	bool memory = in->flags & INSN_MEM, equal;
	struct rmw rmw;
	int rc;

	if (memory) {
		rc = rmw_begin(cpu, in, insn_offset(cpu, in), 1u << size,
			       in->flags & INSN_LOCK, &rmw);
		if (rc)
			return rc;
		equal = host_cas(rmw.host, &old, value, size);
		rc = rmw_commit(cpu, &rmw);
		if (rc)
			return rc;
	} else {
		old = gpr_read(cpu, in->rm_off, size);
		equal = old == expected;
		if (equal)
			gpr_write(cpu, in->rm_off, size, value);
	}
	compare_sized(cpu, expected, old, size);
	if (!equal)
		gpr_write(cpu, GPR_OFFSET(RAX), size, old);
	return X86_OK;
}

static bool host_cas16(void *host, u64 expected[2], const u64 value[2])
{
	bool done;

	__asm__ volatile("lock cmpxchg16b %[m]"
			 : [m] "+m"(*(u8(*)[16])host), "+a"(expected[0]),
			   "+d"(expected[1]), "=@ccz"(done)
			 : "b"(value[0]), "c"(value[1])
			 : "memory");
	return done;
}

/* Both widths; the pair is (rDX:rAX) against memory, (rCX:rBX) goes in. */
static int cmpxchg_pair(struct x86_cpu *cpu, const struct insn *in)
{
	bool wide = in->id == INSN_CMPXCHG16B;
	u64 offset = insn_offset(cpu, in), expected[2], value[2];
	struct rmw rmw;
	bool equal;
	int rc;

	if (wide && (operand_linear(cpu, in) & 15))
		return raise_gp0(cpu);
	rc = rmw_begin(cpu, in, offset, wide ? 16 : 8, in->flags & INSN_LOCK,
		       &rmw);
	if (rc)
		return rc;
	if (wide) {
		expected[0] = cpu->gpr[RAX];
		expected[1] = cpu->gpr[RDX];
		value[0] = cpu->gpr[RBX];
		value[1] = cpu->gpr[RCX];
		equal = host_cas16(rmw.host, expected, value);
	} else {
		expected[0] = cpu->gpr[RDX] << 32 | (u32)cpu->gpr[RAX];
		value[0] = cpu->gpr[RCX] << 32 | (u32)cpu->gpr[RBX];
		equal = host_cas(rmw.host, expected, value[0], SZ_Q);
		expected[1] = expected[0] >> 32;
	}
	rc = rmw_commit(cpu, &rmw);
	if (rc)
		return rc;
	cpu->rflags = (cpu->rflags & ~RFLAGS_ZF) | (equal ? RFLAGS_ZF : 0);
	if (!equal) {
		gpr_write(cpu, GPR_OFFSET(RAX), wide ? SZ_Q : SZ_L, expected[0]);
		gpr_write(cpu, GPR_OFFSET(RDX), wide ? SZ_Q : SZ_L, expected[1]);
	}
	return X86_OK;
}

insn_exec_fn atomic_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_XCHG:
		if (in->flags & INSN_MEM)
			return xchg_mem;
		return in->flags & INSN_MODRM ? xchg_reg : xchg_rax;
	case INSN_XADD:
		return xadd;
	case INSN_CMPXCHG:
		return cmpxchg;
	default:
		return cmpxchg_pair;
	}
}
