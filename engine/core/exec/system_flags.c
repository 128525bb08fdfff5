/* SPDX-License-Identifier: MIT */
/*
 * The system bits of RFLAGS. CR4.VME and CR4.PVI are never offered, so IOPL
 * alone decides. [SDM2 4.3 "POPF/POPFD/POPFQ"], [SDM2 4.3 "STI"]
 */
#include "engine/core/exec/system.h"

#include "engine/core/paging/mem.h"
#include "engine/core/segment/segment.h"

static u32 iopl(const struct x86_cpu *cpu)
{
	return (u32)(cpu->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

static bool v86_sensitive(const struct x86_cpu *cpu)
{
	return (cpu->rflags & RFLAGS_VM) && iopl(cpu) < 3;
}

int insn_cli(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (cpu->cpl > iopl(cpu))
		return raise_gp0(cpu);
	cpu->rflags &= ~RFLAGS_IF;
	return X86_OK;
}

int insn_sti(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (cpu->cpl > iopl(cpu))
		return raise_gp0(cpu);
	if (cpu->rflags & RFLAGS_IF)
		return X86_OK;
	cpu->rflags |= RFLAGS_IF;
	cpu->shadow |= SHADOW_STI;
	x86_mode_update(cpu);
	return X86_END;
}

int insn_pushf(struct x86_cpu *cpu, const struct insn *in)
{
	if (v86_sensitive(cpu))
		return raise_gp0(cpu);
	return stack_push(cpu, cpu->rflags & ~(RFLAGS_VM | RFLAGS_RF),
			  1u << in->op_size);
}

/* VM, VIF, VIP and RF are never popped; RF is cleared by the instruction. */
static u64 popf_mask(const struct x86_cpu *cpu, u32 op_size)
{
	u64 mask = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;

	if (op_size > 1)
		mask |= RFLAGS_AC | RFLAGS_ID;
	if (cpu->cpl <= iopl(cpu))
		mask |= RFLAGS_IF;
	if (cpu->cpl == 0)
		mask |= RFLAGS_IOPL;
	return mask;
}

int insn_popf(struct x86_cpu *cpu, const struct insn *in)
{
	u64 mask = popf_mask(cpu, in->op_size);
	u64 value = 0, old = cpu->rflags;
	int rc;

	if (v86_sensitive(cpu))
		return raise_gp0(cpu);
	rc = stack_pop(cpu, &value, 1u << in->op_size);
	if (rc)
		return rc;
	cpu->rflags = (old & ~(mask | RFLAGS_RF)) | (value & mask) |
		      RFLAGS_FIXED;
	if ((old ^ cpu->rflags) & (RFLAGS_TF | RFLAGS_AC))
		x86_mode_update(cpu);
	return X86_END;
}

static int ac_write(struct x86_cpu *cpu, bool set)
{
	if (cpu->cpl != 0)
		return raise_ud(cpu);
	if (set)
		cpu->rflags |= RFLAGS_AC;
	else
		cpu->rflags &= ~RFLAGS_AC;
	tlb_class_update(cpu);
	return X86_OK;
}

int insn_clac(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return ac_write(cpu, false);
}

int insn_stac(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return ac_write(cpu, true);
}
