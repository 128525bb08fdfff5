/* SPDX-License-Identifier: MIT */
/*
 * What the rest of the engine derives from the registers, and the registers'
 * values after power-up and INIT.
 *
 * CPL is the DPL of SS in protected mode, as VMX keeps it: CS.RPL lies between
 * MOV CR0 and the far jump that follows, SS never does. Every transfer that
 * changes privilege in this engine therefore leaves SS.DPL = CPL, with a null SS
 * too. [SDM3 24.4.1 "Guest Register State"]
 */
#include "engine/core/segment/segment.h"

#include <linux/kvm.h>

#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"

static u8 derive_cpl(const struct x86_cpu *cpu)
{
	if (!(cpu->cr0 & CR0_PE))
		return 0;
	if (cpu->rflags & RFLAGS_VM)
		return 3;
	return (u8)attr_dpl(cpu->seg[SEG_SS].attr);
}

static u8 derive_code(const struct x86_cpu *cpu)
{
	u32 attr = cpu->seg[SEG_CS].attr;

	if (cpu->rflags & RFLAGS_VM)
		return CODE_16;
	if (cpu->long_mode && (attr & SEG_L))
		return CODE_64;
	return attr & SEG_DB ? CODE_32 : CODE_16;
}

/* Can any 32-bit offset be read (written) without a check? */
static u8 derive_fast(const struct x86_cpu *cpu, const struct x86_segment *s)
{
	bool code = s->attr & SEG_CODE;
	u8 fast = 0;

	if (s->attr & SEG_UNUSABLE || s->limit != 0xffffffff)
		return 0;
	if (!code && (s->attr & SEG_DC))
		return 0;
	if (!protected_mode(cpu))
		return SEG_FAST_READ | SEG_FAST_WRITE;
	if (!code || (s->attr & SEG_RW))
		fast |= SEG_FAST_READ;
	if (!code && (s->attr & SEG_RW))
		fast |= SEG_FAST_WRITE;
	return fast;
}

void segment_update(struct x86_cpu *cpu, u32 index)
{
	const struct x86_segment *s = &cpu->seg[index];

	if (index == SEG_SS)
		cpu->stack32 = s->attr & SEG_DB;
	if (cpu->code != CODE_64) {
		cpu->segment_base[index] = (u32)s->base;
		cpu->segment_fast[index] = derive_fast(cpu, s);
		return;
	}
	cpu->segment_base[index] = index == SEG_FS || index == SEG_GS ? s->base
								      : 0;
	cpu->segment_fast[index] = SEG_FAST_READ | SEG_FAST_WRITE;
}

void tlb_class_update(struct x86_cpu *cpu)
{
	bool ac = cpu->rflags & RFLAGS_AC;
	u32 class;

	if (cpu->cpl == 3)
		class = ac && (cpu->cr0 & CR0_AM) ? TLB_ALIGN : TLB_USER;
	else
		class = (cpu->cr4 & CR4_SMAP) && !ac ? TLB_SUPERVISOR
						     : TLB_SUPERVISOR_AC;
	cpu->tlb = cpu->tlbs[class];
}

/*
 * All that exec_bind() may look at: code size, privilege and mode, and what
 * opens or closes the FPU and vector units.
 */
static u32 derive_block_mode(const struct x86_cpu *cpu)
{
	u64 vector = XCR0_SSE | XCR0_AVX;
	u32 mode = cpu->code;

	mode |= (u32)(cpu->cpl == 0) << 2;
	mode |= (u32)(cpu->cpl == 3) << 3;
	mode |= (u32) !!(cpu->rflags & RFLAGS_VM) << 4;
	mode |= (u32) !!(cpu->cr0 & CR0_PE) << 5;
	mode |= (u32) !!(cpu->cr0 & CR0_TS) << 6;
	mode |= (u32) !!(cpu->cr0 & CR0_EM) << 7;
	mode |= (u32) !!(cpu->cr0 & CR0_MP) << 8;
	mode |= (u32) !!(cpu->cr4 & CR4_OSFXSR) << 9;
	mode |= (u32) !!(cpu->cr4 & CR4_OSXSAVE) << 10;
	mode |= (u32)((cpu->xcr0 & vector) == vector) << 11;
	mode |= (u32) !!(cpu->cr4 & CR4_OSXMMEXCPT) << 12;
	return mode;
}

static bool derive_single_step(const struct x86_cpu *cpu)
{
	u32 debugger = KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP;

	return (cpu->rflags & RFLAGS_TF) || cpu->shadow || (cpu->dr7 & 0xff) ||
	       cpu->pending_db ||
	       ((cpu->debug_guest & KVM_GUESTDBG_ENABLE) &&
		(cpu->debug_guest & debugger));
}

void x86_mode_update(struct x86_cpu *cpu)
{
	cpu->long_mode = cpu->efer & EFER_LMA;
	cpu->cpl = derive_cpl(cpu);
	cpu->code = derive_code(cpu);
	cpu->linear_mask = cpu->code == CODE_64 ? ~0ull : 0xffffffff;
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		segment_update(cpu, i);
	cpu->segment_base[SEG_NONE] = 0;
	cpu->segment_fast[SEG_NONE] = SEG_FAST_READ | SEG_FAST_WRITE;
	tlb_class_update(cpu);
	cpu->single_step = derive_single_step(cpu);
	cpu->block_mode = derive_block_mode(cpu);
}

void x86_transfer_update(struct x86_cpu *cpu)
{
	/* From 64-bit code to 64-bit code no base or limit begins to count. */
	if (cpu->code != CODE_64 || derive_code(cpu) != CODE_64) {
		x86_mode_update(cpu);
		return;
	}
	cpu->cpl = derive_cpl(cpu);
	cpu->stack32 = cpu->seg[SEG_SS].attr & SEG_DB;
	tlb_class_update(cpu);
	cpu->single_step = derive_single_step(cpu);
	cpu->block_mode = derive_block_mode(cpu);
}

static void reset_segments(struct x86_cpu *cpu)
{
	u32 data = SEG_P | SEG_S | SEG_RW | SEG_ACCESSED;

	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		cpu->seg[i] =
			(struct x86_segment){.limit = 0xffff, .attr = data};
	cpu->seg[SEG_CS].attr |= SEG_CODE;
	cpu->seg[SEG_CS].selector = 0xf000;
	cpu->seg[SEG_CS].base = 0xffff0000;
	cpu->seg[SEG_TR] = (struct x86_segment){
		.limit = 0xffff, .attr = SEG_P | SYSTEM_TSS32_BUSY};
	cpu->seg[SEG_LDTR] = (struct x86_segment){.limit = 0xffff,
						  .attr = SEG_P | SYSTEM_LDT};
	cpu->gdtr = cpu->idtr = (struct x86_table){.limit = 0xffff};
}

static u32 processor_signature(struct x86_cpu *cpu)
{
	u32 regs[4] = {0};

	if (cpu->ops && cpu->ops->cpuid)
		cpu->ops->cpuid(cpu->ctx, 1, 0, regs);
	return regs[0] ? regs[0] : 0x600;
}

/* Written bytewise: the area has no type of its own. */
static void xsave_store(struct x86_cpu *cpu, u32 offset, u32 value, u32 size)
{
	__builtin_memcpy(cpu->xsave.bytes + offset, &value, size);
}

/*
 * What INIT leaves alone. FCW is KVM's value after vCPU creation, not the
 * 0040H of silicon: owners read it back with KVM_GET_FPU.
 */
static void reset_power_up(struct x86_cpu *cpu)
{
	struct x86_msrs *msr = &cpu->msr;

	__builtin_memset(&cpu->xsave, 0, sizeof(cpu->xsave));
	xsave_store(cpu, 0, FCW_RESET, 2);
	xsave_store(cpu, XSAVE_MXCSR, MXCSR_RESET, 4);
	cpu->xcr0 = XCR0_X87;
	cpu->cr0 = CR0_CD | CR0_NW;
	msr->star = msr->lstar = msr->cstar = msr->sfmask = 0;
	msr->kernel_gs_base = 0;
	msr->sysenter_cs = msr->sysenter_esp = msr->sysenter_eip = 0;
	msr->pat = 0x0007040600070406;
	msr->misc_enable = 1; /* fast strings */
	msr->tsc_adjust = msr->tsc_aux = 0;
	msr->mtrr_def_type = 0;
	msr->xss = 0;
	msr->smbase = 0x30000;
}

void x86_reset(struct x86_cpu *cpu, bool init)
{
	if (!init)
		reset_power_up(cpu);
	__builtin_memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->gpr[RDX] = processor_signature(cpu);
	RIP(cpu) = 0xfff0;
	cpu->rflags = RFLAGS_FIXED;
	cpu->cr0 = (cpu->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
	cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->efer = 0;
	__builtin_memset(cpu->dr, 0, sizeof(cpu->dr));
	__builtin_memset(cpu->pdpte, 0, sizeof(cpu->pdpte));
	cpu->dr6 = DR6_FIXED;
	cpu->dr7 = DR7_FIXED;
	cpu->msr.spec_ctrl = 0;
	cpu->msr.debugctl = 0;
	reset_segments(cpu);
	cpu->shadow = 0;
	cpu->nmi_blocked = false;
	cpu->pending_db = 0;
	cpu->exit.kind = X86_EXIT_NONE;
	external_clear(cpu);
	tlb_flush(cpu, true);
	x86_mode_update(cpu);
}
