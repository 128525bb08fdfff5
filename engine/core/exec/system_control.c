/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers: what may be written when, and what a write
 * flushes. [SDM3 2.5 "Control Registers"], [SDM2 4.3 "MOV—Move to/from Control
 * Registers"], [SDM3 4.10.4.1 "Operations that Invalidate TLBs and Paging-
 * Structure Caches"], [SDM3 9.8.5 "Initializing IA-32e Mode"]
 */
#include "engine/core/exec/system.h"

#include "engine/core/exception/exception.h"
#include "engine/core/fpu/fpu.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/core/segment/segment.h"

#define CR0_KNOWN                                                       \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | \
	 CR0_AM | CR0_NW | CR0_CD | CR0_PG)

static bool tss_is_16bit(const struct x86_cpu *cpu)
{
	return !(cpu->seg[SEG_TR].attr & 8);
}

/* What switching paging on or off needs; false: #GP(0). */
static bool paging_switch_legal(const struct x86_cpu *cpu, bool on)
{
	if (!on)
		return cpu->code != CODE_64 && !(cpu->cr4 & CR4_PCIDE);
	if (!(cpu->efer & EFER_LME))
		return true;
	return (cpu->cr4 & CR4_PAE) && !(cpu->seg[SEG_CS].attr & SEG_L) &&
	       !tss_is_16bit(cpu);
}

static bool cr0_legal(const struct x86_cpu *cpu, u64 value)
{
	bool paging = value & CR0_PG;

	if (value >> 32)
		return false;
	if ((value & CR0_NW) && !(value & CR0_CD))
		return false;
	if (paging && !(value & CR0_PE))
		return false;
	return paging == !!(cpu->cr0 & CR0_PG) ||
	       paging_switch_legal(cpu, paging);
}

/* PAE paging keeps its four top entries in registers: are they to be read? */
static int pdpte_refresh(struct x86_cpu *cpu, u64 cr0, u64 cr4, bool wanted)
{
	bool pae = (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(cpu->efer & EFER_LME);

	return pae && wanted ? pdpte_load(cpu, cpu->cr3) : X86_OK;
}

static int cr0_write(struct x86_cpu *cpu, u64 value)
{
	u64 changed;
	int rc;

	if (!cr0_legal(cpu, value))
		return raise_gp0(cpu);
	value = (value & CR0_KNOWN) | CR0_ET;
	changed = value ^ cpu->cr0;
	rc = pdpte_refresh(cpu, value, cpu->cr4,
			   changed & (CR0_PG | CR0_CD | CR0_NW));
	if (rc)
		return rc;
	cpu->cr0 = value;
	cpu->efer &= ~EFER_LMA;
	if ((value & CR0_PG) && (cpu->efer & EFER_LME))
		cpu->efer |= EFER_LMA;
	if (changed & (CR0_PG | CR0_WP))
		tlb_flush(cpu, true);
	x86_mode_update(cpu);
	return X86_END;
}

static int cr3_write(struct x86_cpu *cpu, u64 value)
{
	bool pcids = cpu->cr4 & CR4_PCIDE, keep = pcids && (value & CR3_NOFLUSH);
	u32 from = tlb_pcid(cpu);
	int rc = X86_OK;

	if (pcids)
		value &= ~CR3_NOFLUSH;
	if (cpu->long_mode && value >> cpu->physical_bits)
		return raise_gp0(cpu);
	if (!cpu->long_mode && (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE))
		rc = pdpte_load(cpu, value);
	if (rc)
		return rc;
	cpu->cr3 = value;
	if (pcids)
		tlb_switch(cpu, from, (u32)(value & CR3_PCID), keep);
	else
		tlb_flush(cpu, false);
	return X86_END;
}

static bool cr4_legal(const struct x86_cpu *cpu, u64 value)
{
	u64 set = value & ~cpu->cr4, changed = value ^ cpu->cr4;

	if (value & ~cpu->cr4_allowed)
		return false;
	if (cpu->long_mode && (!(value & CR4_PAE) || (changed & CR4_LA57)))
		return false;
	if ((set & CR4_PCIDE) && (!cpu->long_mode || (cpu->cr3 & CR3_PCID)))
		return false;
	return true;
}

static int cr4_write(struct x86_cpu *cpu, u64 value)
{
	u64 walk = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP |
		   CR4_SMAP | CR4_LA57 | CR4_PKE;
	u64 changed = value ^ cpu->cr4;
	int rc;

	if (!cr4_legal(cpu, value))
		return raise_gp0(cpu);
	rc = pdpte_refresh(cpu, cpu->cr0, value,
			   changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP));
	if (rc)
		return rc;
	cpu->cr4 = value;
	if (changed & walk)
		tlb_flush(cpu, true);
	x86_mode_update(cpu);
	return X86_END;
}

int insn_mov_from_cr(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value;

	switch (in->reg) {
	case 0:
		value = cpu->cr0;
		break;
	case 2:
		value = cpu->cr2;
		break;
	case 3:
		value = cpu->cr3;
		break;
	case 4:
		value = cpu->cr4;
		break;
	case 8:
		value = cpu->ops->cr8_get(cpu->ctx);
		break;
	default:
		return raise_ud(cpu);
	}
	gpr_write(cpu, in->rm_off, in->op_size, value);
	return X86_OK;
}

int insn_mov_to_cr(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = gpr_read(cpu, in->rm_off, in->op_size);

	insn_serialize();
	switch (in->reg) {
	case 0:
		return cr0_write(cpu, value);
	case 2:
		cpu->cr2 = value;
		return X86_OK;
	case 3:
		return cr3_write(cpu, value);
	case 4:
		return cr4_write(cpu, value);
	case 8:
		if (value > 15)
			return raise_gp0(cpu);
		cpu->ops->cr8_set(cpu->ctx, value);
		return X86_END;
	default:
		return raise_ud(cpu);
	}
}

int insn_clts(struct x86_cpu *cpu, const struct insn *in)
{
	(void)in;
	if (!(cpu->cr0 & CR0_TS))
		return X86_OK;
	cpu->cr0 &= ~CR0_TS;
	x86_mode_update(cpu);
	return X86_END;
}

/* LMSW reaches PE MP EM TS and can set PE but not clear it. */
int insn_lmsw(struct x86_cpu *cpu, const struct insn *in)
{
	u64 reach = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u16 source = 0;
	int rc = source_read16(cpu, in, &source);

	if (rc)
		return rc;
	return cr0_write(cpu, (cpu->cr0 & ~reach) | (source & reach) |
				      (cpu->cr0 & CR0_PE));
}

int insn_smsw(struct x86_cpu *cpu, const struct insn *in)
{
	if (umip_forbids(cpu))
		return raise_gp0(cpu);
	return dest_write16(cpu, in, cpu->cr0);
}

/* --- debug registers --- */

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE. X86_OK fills *ret. */
static int debug_register(struct x86_cpu *cpu, const struct insn *in, u32 *ret)
{
	u32 index = in->reg;

	if (index > 7 || ((index == 4 || index == 5) && (cpu->cr4 & CR4_DE)))
		return raise_ud(cpu);
	if (cpu->dr7 & DR7_GD)
		return debug_raise(cpu, DR6_BD, false);
	*ret = index == 4 || index == 5 ? index + 2 : index;
	return X86_OK;
}

int insn_mov_from_dr(struct x86_cpu *cpu, const struct insn *in)
{
	u32 index = 0;
	u64 value;
	int rc = debug_register(cpu, in, &index);

	if (rc)
		return rc;
	value = index == 6   ? cpu->dr6
		: index == 7 ? cpu->dr7
			     : cpu->dr[index & 3];
	gpr_write(cpu, in->rm_off, in->op_size, value);
	return X86_OK;
}

int insn_mov_to_dr(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = gpr_read(cpu, in->rm_off, in->op_size);
	u32 index = 0;
	int rc = debug_register(cpu, in, &index);

	if (rc)
		return rc;
	if (index >= 6 && value >> 32)
		return raise_gp0(cpu);
	insn_serialize();
	if (index == 6)
		cpu->dr6 = (value & DR6_WRITABLE) | DR6_FIXED;
	else if (index == 7)
		cpu->dr7 = (value & DR7_WRITABLE) | DR7_FIXED;
	else
		cpu->dr[index & 3] = value;
	/* RF is for one instruction, but only stepping clears it: one left by
	 * an IRET long ago must not hide the first breakpoint. */
	cpu->rflags &= ~RFLAGS_RF;
	/* Watched pages are not to be found in the TLB. */
	if (index != 6 && ((cpu->dr7 & 0xff) || index == 7))
		tlb_flush(cpu, true);
	x86_mode_update(cpu);
	return X86_END;
}

/* --- extended control registers --- */

/* [SDM1 13.3 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features"] */
int insn_xgetbv(struct x86_cpu *cpu, const struct insn *in)
{
	u32 index = (u32)cpu->gpr[RCX];
	u64 value = cpu->xcr0;

	(void)in;
	if (!(cpu->cr4 & CR4_OSXSAVE))
		return raise_ud(cpu);
	if (index > 1 || (index == 1 && !x86_has(cpu, FEAT_XGETBV1)))
		return raise_gp0(cpu);
	if (index == 1)
		value &= fpu_in_use(cpu);
	cpu->gpr[RAX] = (u32)value;
	cpu->gpr[RDX] = value >> 32;
	return X86_OK;
}

static bool xcr0_legal(const struct x86_cpu *cpu, u64 value)
{
	if (!(value & XCR0_X87) || (value & ~cpu->xcr0_allowed))
		return false;
	return !(value & XCR0_AVX) || (value & XCR0_SSE);
}

int insn_xsetbv(struct x86_cpu *cpu, const struct insn *in)
{
	u64 value = (u32)cpu->gpr[RAX] | cpu->gpr[RDX] << 32;

	(void)in;
	if (!(cpu->cr4 & CR4_OSXSAVE))
		return raise_ud(cpu);
	if ((u32)cpu->gpr[RCX] != 0 || !xcr0_legal(cpu, value))
		return raise_gp0(cpu);
	cpu->xcr0 = value;
	x86_mode_update(cpu);
	return X86_END;
}
