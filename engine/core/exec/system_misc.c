/* SPDX-License-Identifier: MIT */
/*
 * Counters, MSRs, TLB and cache control, hints.
 */
#include "engine/core/exec/system.h"

#include "engine/core/msr/msr.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"

int insn_nothing(struct x86_cpu *cpu, const struct insn *in)
{
	(void)cpu;
	(void)in;
	return X86_OK;
}

int insn_undefined(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return raise_ud(cpu);
}

int insn_hlt(struct x86_cpu *cpu, const struct insn *in)
{
	(void)cpu;
	(void)in;
	return X86_HALT;
}

/* A 64-bit result in EDX:EAX. */
static void pair_write(struct x86_cpu *cpu, u64 value)
{
	cpu->gpr[RAX] = (u32)value;
	cpu->gpr[RDX] = value >> 32;
}

static u64 pair_read(const struct x86_cpu *cpu)
{
	return (u32)cpu->gpr[RAX] | cpu->gpr[RDX] << 32;
}

#define CPUID_FAULTING BIT(0) /* in MISC_FEATURES_ENABLES */

int insn_cpuid(struct x86_cpu *cpu, const struct insn *in)
{
	u32 regs[4] = {0};

	(void)in;
	if (cpu->cpl != 0 && (cpu->msr.misc_features_enables & CPUID_FAULTING))
		return raise_gp0(cpu);
	insn_serialize();
	cpu->ops->cpuid(cpu->ctx, (u32)cpu->gpr[RAX], (u32)cpu->gpr[RCX], regs);
	cpu->gpr[RAX] = regs[0];
	cpu->gpr[RBX] = regs[1];
	cpu->gpr[RCX] = regs[2];
	cpu->gpr[RDX] = regs[3];
	return X86_OK;
}

/* --- what the owner's client may answer --- */

/* Has the owner answered an exit of this kind? */
static bool exit_answered(const struct x86_cpu *cpu, enum x86_exit_kind kind)
{
	return cpu->exit.kind == kind && cpu->exit.complete;
}

/* Takes the answer: X86_OK, or X86_FAULT when it was an error. */
static int exit_take(struct x86_cpu *cpu)
{
	bool fault = cpu->exit.fault;

	cpu->exit.kind = X86_EXIT_NONE;
	cpu->exit.complete = false;
	return fault ? raise_gp0(cpu) : X86_OK;
}

int insn_rdmsr(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = 0;
	int rc;

	(void)in;
	if (exit_answered(cpu, X86_EXIT_RDMSR)) {
		value = cpu->exit.data;
		rc = exit_take(cpu);
	} else {
		rc = x86_rdmsr(cpu, (u32)cpu->gpr[RCX], &value);
	}
	if (rc)
		return rc;
	pair_write(cpu, value);
	return X86_OK;
}

int insn_wrmsr(struct x86_cpu *cpu, const struct insn *in)
{
	int rc;

	(void)in;
	insn_serialize();
	if (exit_answered(cpu, X86_EXIT_WRMSR))
		rc = exit_take(cpu);
	else
		rc = x86_wrmsr(cpu, (u32)cpu->gpr[RCX], pair_read(cpu));
	if (rc)
		return rc;
	x86_mode_update(cpu); /* EFER, FS and GS bases, debug control */
	return X86_END;
}

/* Either vendor's instruction serves on either: guests carry one of them. */
int insn_hypercall(struct x86_cpu *cpu, const struct insn *in)
{
	int rc;

	(void)in;
	if (exit_answered(cpu, X86_EXIT_HYPERCALL)) {
		u64 result = cpu->exit.data;

		rc = exit_take(cpu);
		if (!rc)
			cpu->gpr[RAX] = result;
	} else {
		rc = cpu->ops->hypercall(cpu->ctx);
		if (rc == X86_FAULT)
			rc = raise_ud(cpu);
	}
	return rc ? rc : X86_END;
}

/* --- counters, random numbers --- */

static bool tsc_forbidden(const struct x86_cpu *cpu)
{
	return (cpu->cr4 & CR4_TSD) && cpu->cpl != 0;
}

int insn_rdtsc(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (tsc_forbidden(cpu))
		return raise_gp0(cpu);
	pair_write(cpu, cpu->ops->tsc(cpu->ctx));
	return X86_OK;
}

int insn_rdtscp(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = insn_rdtsc(cpu, in);

	if (!rc)
		cpu->gpr[RCX] = (u32)cpu->msr.tsc_aux;
	return rc;
}

int insn_rdpid(struct x86_cpu *cpu, const struct insn *in)
{
	gpr_write(cpu, in->rm_off, in->op_size, (u32)cpu->msr.tsc_aux);
	return X86_OK;
}

/* No performance counters are offered: no index is valid. */
int insn_rdpmc(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	return raise_gp0(cpu);
}

int insn_random(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = 0;
	bool got = cpu->ops->random && cpu->ops->random(cpu->ctx, &value);

	if (!got)
		value = 0;
	gpr_write(cpu, in->rm_off, in->op_size, value);
	cpu->rflags &= ~(u64)RFLAGS_ARITH;
	if (got)
		cpu->rflags |= RFLAGS_CF;
	return X86_OK;
}

/* --- TLB and caches --- */

/* Neither limits nor canonical form are checked. [SDM2 3.3 "INVLPG"] */
int insn_invlpg(struct x86_cpu *cpu, const struct insn *in)
{
	gva_t address = operand_linear(cpu, in);

	insn_serialize();
	if (cpu->code != CODE_64 || address_canonical(cpu, address))
		tlb_flush_page(cpu, address);
	return X86_END;
}

enum { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL_GLOBAL, INVPCID_ALL };

/* [SDM2 3.3 "INVPCID—Invalidate Process-Context Identifier"] */
int insn_invpcid(struct x86_cpu *cpu, const struct insn *in)
{
	u64 type = gpr_read(cpu, in->reg_off, cpu->code == CODE_64 ? 3 : 2);
	u64 descriptor[2] = {0};
	bool pcide = cpu->cr4 & CR4_PCIDE;
	int rc;

	if (type > INVPCID_ALL)
		return raise_gp0(cpu);
	rc = operand_read(cpu, in, descriptor, 16);
	if (rc)
		return rc;
	if (descriptor[0] >> 12 ||
	    (type <= INVPCID_CONTEXT && descriptor[0] && !pcide))
		return raise_gp0(cpu);
	if (type == INVPCID_ADDRESS && !address_canonical(cpu, descriptor[1]))
		return raise_gp0(cpu);
	insn_serialize();
	if (type == INVPCID_ADDRESS && descriptor[0] == tlb_pcid(cpu))
		tlb_flush_page(cpu, descriptor[1]);
	else if (type == INVPCID_ADDRESS || type == INVPCID_CONTEXT)
		tlb_flush_pcid(cpu, (u32)descriptor[0]);
	else
		tlb_flush(cpu, type == INVPCID_ALL_GLOBAL);
	return X86_END;
}

/* A flush faults as a load of one byte does; through an execute-only segment
 * it may. [SDM2 3.3 "CLFLUSH—Flush Cache Line"] */
int insn_clflush(struct x86_cpu *cpu, const struct insn *in)
{
	int rc = segment_check(cpu, in->seg, insn_offset(cpu, in), 1, false);

	return rc ? rc
		  : linear_probe(cpu, operand_linear(cpu, in), 1, false,
				 insn_fault_seg(in));
}

int insn_fence(struct x86_cpu *cpu, const struct insn *in)
{
	(void)cpu;
	(void)in;
	insn_serialize();
	return X86_OK;
}

/* --- waiting --- */

/* MWAIT may return at any time: it does at once, and nothing is watched. */
int insn_monitor(struct x86_cpu *cpu, const struct insn *in)
{
	u32 seg = in->flags & INSN_SEG_OVERRIDE ? in->seg : SEG_DS;
	u64 offset = cpu->gpr[RAX] & address_mask[in->addr_size];
	gva_t address;
	int rc;

	if (cpu->cpl != 0)
		return raise_ud(cpu);
	if ((u32)cpu->gpr[RCX] != 0)
		return raise_gp0(cpu);
	rc = segment_check(cpu, seg, offset, 1, false);
	if (rc)
		return rc;
	address = (cpu->segment_base[seg] + offset) & cpu->linear_mask;
	return linear_probe(cpu, address, 1, false, seg);
}

int insn_mwait(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (cpu->cpl != 0)
		return raise_ud(cpu);
	if ((u32)cpu->gpr[RCX] > 1)
		return raise_gp0(cpu);
	return X86_END;
}

/* --- direct stores --- */

int insn_movdiri(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = gpr_read(cpu, in->reg_off, in->op_size);

	if (in->op_size == 3)
		return operand_write(cpu, in, &value, 8);
	return operand_write(cpu, in, &value, 4);
}

/* To ES:reg, 64 bytes on their natural boundary. */
int insn_movdir64b(struct x86_cpu *cpu, const struct insn *in)
{
	u32 es = cpu->code == CODE_64 ? SEG_NONE : SEG_ES;
	u64 offset = gpr_read(cpu, GPR_OFFSET(in->reg), 3) &
		     address_mask[in->addr_size];
	gva_t to = (cpu->segment_base[es] + offset) & cpu->linear_mask;
	u8 bytes[64];
	int rc;

	rc = segment_check(cpu, in->seg, insn_offset(cpu, in), 64, false);
	if (!rc)
		rc = linear_read_slow(cpu, operand_linear(cpu, in), bytes, 64,
				      insn_fault_seg(in));
	if (!rc && to & 63)
		rc = raise_gp0(cpu);
	if (!rc)
		rc = segment_check(cpu, es, offset, 64, true);
	if (!rc)
		rc = linear_write_slow(cpu, to, bytes, 64, es);
	return rc;
}
