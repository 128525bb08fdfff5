/* SPDX-License-Identifier: MIT */
/* Near branches. A bad target's fault belongs to the branch. */
#include "engine/core/exec/alu.h"

#include "engine/core/decode/id.h"
#include "engine/core/decode/row.h"

/* Truncates to the operand size and checks: canonical, or inside CS. A size of
 * 16 bits in 64-bit mode is AMD's. */
static ALWAYS_INLINE int target_check(struct x86_cpu *cpu, u64 *target, u32 size)
{
	if (likely(cpu->code == CODE_64)) {
		u32 shift = cpu->cr4 & CR4_LA57 ? 7 : 16;

		if (unlikely(size == SZ_W))
			*target &= 0xffff;

		if (likely((u64)((s64)(*target << shift) >> shift) == *target))
			return X86_OK;
		return raise_gp0(cpu);
	}
	*target &= size == SZ_W ? 0xffff : 0xffffffff;
	return *target > cpu->seg[SEG_CS].limit ? raise_gp0(cpu) : X86_OK;
}

static ALWAYS_INLINE int jump(struct x86_cpu *cpu, u64 target, u32 size)
{
	int rc = target_check(cpu, &target, size);

	if (rc)
		return rc;
	RIP(cpu) = target;
	return X86_BRANCH;
}

static int jcc(struct x86_cpu *cpu, const struct insn *in)
{
	if (!condition(cpu->rflags, in->cond))
		return X86_BRANCH;
	return jump(cpu, RIP(cpu) + in->imm, in->op_size);
}

/* The frequent conditions without the switch. */
#define JCC(name, test)                                                    \
	static int name(struct x86_cpu *cpu, const struct insn *in)        \
	{                                                                  \
		if (test)                                                  \
			return jump(cpu, RIP(cpu) + in->imm, in->op_size); \
		return X86_BRANCH;                                         \
	}
JCC(jz, cpu->rflags &RFLAGS_ZF)
JCC(jnz, !(cpu->rflags & RFLAGS_ZF))
JCC(jc, cpu->rflags &RFLAGS_CF)
JCC(jnc, !(cpu->rflags & RFLAGS_CF))

static insn_exec_fn jcc_bind(const struct insn *in)
{
	switch (in->cond) {
	case 2:
		return jc;
	case 3:
		return jnc;
	case 4:
		return jz;
	case 5:
		return jnz;
	default:
		return jcc;
	}
}

static int jmp_rel(struct x86_cpu *cpu, const struct insn *in)
{
	return jump(cpu, RIP(cpu) + in->imm, in->op_size);
}

static int jmp_near(struct x86_cpu *cpu, const struct insn *in)
{
	u64 target;
	int rc = source_read(cpu, in, in->op_size, &target);

	return rc ? rc : jump(cpu, target, in->op_size);
}

/* On Intel the return address is stored even when the target proves bad. */
static ALWAYS_INLINE int call(struct x86_cpu *cpu, const struct insn *in,
			      u64 target)
{
	u64 sp = cpu->gpr[RSP];
	int rc = X86_OK;

	if (cpu->vendor_amd) {
		rc = stack_probe(cpu, 1u << in->op_size);
		if (!rc)
			rc = target_check(cpu, &target, in->op_size);
	}
	if (!rc)
		rc = stack_push(cpu, RIP(cpu), 1u << in->op_size);
	if (rc)
		return rc;
	rc = target_check(cpu, &target, in->op_size);
	if (unlikely(rc)) {
		cpu->gpr[RSP] = sp;
		return rc;
	}
	RIP(cpu) = target;
	return X86_BRANCH;
}

static int call_rel(struct x86_cpu *cpu, const struct insn *in)
{
	return call(cpu, in, RIP(cpu) + in->imm);
}

static int call_near(struct x86_cpu *cpu, const struct insn *in)
{
	u64 target;
	int rc = source_read(cpu, in, in->op_size, &target);

	return rc ? rc : call(cpu, in, target);
}

static int ret(struct x86_cpu *cpu, const struct insn *in)
{
	u32 bytes = 1u << in->op_size;
	u64 target, mask = stack_mask(cpu);
	int rc = stack_read(cpu, 0, &target, bytes);

	if (!rc)
		rc = target_check(cpu, &target, in->op_size);
	if (rc)
		return rc;
	gpr_write(cpu, GPR_OFFSET(RSP),
		  mask == 0xffff  ? SZ_W
		  : mask == ~0ull ? SZ_Q
				  : SZ_L,
		  cpu->gpr[RSP] + bytes + in->imm);
	RIP(cpu) = target;
	return X86_BRANCH;
}

/* LOOP and JCXZ count in the address size's register. */
static int loop(struct x86_cpu *cpu, const struct insn *in)
{
	u32 size = in->addr_size == CODE_64   ? SZ_Q
		   : in->addr_size == CODE_32 ? SZ_L
					      : SZ_W;
	u64 count = gpr_read(cpu, GPR_OFFSET(RCX), size);
	bool zero = cpu->rflags & RFLAGS_ZF, taken;
	int rc = X86_BRANCH;

	if (in->id == INSN_JCXZ) {
		if (!count)
			rc = jump(cpu, RIP(cpu) + in->imm, in->op_size);
		return rc;
	}
	taken = (count - 1) & address_mask[in->addr_size];
	if (in->id == INSN_LOOPE)
		taken = taken && zero;
	if (in->id == INSN_LOOPNE)
		taken = taken && !zero;
	if (taken)
		rc = jump(cpu, RIP(cpu) + in->imm, in->op_size);
	if (rc != X86_FAULT)
		gpr_write(cpu, GPR_OFFSET(RCX), size, count - 1);
	return rc;
}

insn_exec_fn branch_bind(const struct insn *in)
{
	switch (in->id) {
	case INSN_JCC:
		return jcc_bind(in);
	case INSN_JMP_REL:
		return jmp_rel;
	case INSN_JMP_NEAR:
		return jmp_near;
	case INSN_CALL_REL:
		return call_rel;
	case INSN_CALL_NEAR:
		return call_near;
	case INSN_RET:
		return ret;
	default:
		return loop;
	}
}
