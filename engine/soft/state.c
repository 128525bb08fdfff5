/* SPDX-License-Identifier: MIT */
/*
 * Registers in and out, in the KVM ABI's structs, with the checks that the
 * kernel makes on the way in. [KVM-API 4.11 "KVM_GET_REGS" and following]
 */
#include <errno.h>
#include <string.h>

#include "engine/core/exception/exception.h"
#include "engine/core/paging/mem.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/soft.h"

/* kvm_regs in the order of the hardware's numbers. */
static u64 *regs_slot(struct kvm_regs *regs, u32 gpr)
{
	u64 *slots[] = {(u64 *)&regs->rax, (u64 *)&regs->rcx, (u64 *)&regs->rdx,
			(u64 *)&regs->rbx, (u64 *)&regs->rsp, (u64 *)&regs->rbp,
			(u64 *)&regs->rsi, (u64 *)&regs->rdi, (u64 *)&regs->r8,
			(u64 *)&regs->r9,  (u64 *)&regs->r10, (u64 *)&regs->r11,
			(u64 *)&regs->r12, (u64 *)&regs->r13, (u64 *)&regs->r14,
			(u64 *)&regs->r15};

	return slots[gpr];
}

int soft_get_regs(struct engine_vcpu *handle, struct kvm_regs *regs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	for (u32 i = 0; i < 16; i++)
		*regs_slot(regs, i) = vcpu->cpu.gpr[i];
	regs->rip = RIP(&vcpu->cpu);
	regs->rflags = vcpu->cpu.rflags;
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_set_regs(struct engine_vcpu *handle, const struct kvm_regs *regs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct kvm_regs copy = *regs;

	mutex_lock(&vcpu->lock);
	if (RIP(&vcpu->cpu) != regs->rip)
		soft_exit_abandon(vcpu);
	for (u32 i = 0; i < 16; i++)
		vcpu->cpu.gpr[i] = *regs_slot(&copy, i);
	RIP(&vcpu->cpu) = regs->rip;
	vcpu->cpu.rflags = regs->rflags | RFLAGS_FIXED;
	vcpu->exception_queued = false;
	x86_mode_update(&vcpu->cpu);
	mutex_unlock(&vcpu->lock);
	return 0;
}

/* --- segments --- */

static void segment_get(const struct x86_segment *from, struct kvm_segment *to)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->type = from->attr & SEG_TYPE;
	to->s = (from->attr & SEG_S) != 0;
	to->dpl = (from->attr & SEG_DPL) >> SEG_DPL_SHIFT;
	to->present = (from->attr & SEG_P) != 0;
	to->avl = (from->attr & SEG_AVL) != 0;
	to->l = (from->attr & SEG_L) != 0;
	to->db = (from->attr & SEG_DB) != 0;
	to->g = (from->attr & SEG_G) != 0;
	to->unusable = (from->attr & SEG_UNUSABLE) != 0;
}

static void segment_set(const struct kvm_segment *from, struct x86_segment *to)
{
	u32 attr = from->type & SEG_TYPE;

	attr |= from->s ? SEG_S : 0;
	attr |= (u32)(from->dpl & 3) << SEG_DPL_SHIFT;
	attr |= from->present ? SEG_P : 0;
	attr |= from->avl ? SEG_AVL : 0;
	attr |= from->l ? SEG_L : 0;
	attr |= from->db ? SEG_DB : 0;
	attr |= from->g ? SEG_G : 0;
	attr |= from->unusable || !from->present ? SEG_UNUSABLE : 0;
	*to = (struct x86_segment){.base = from->base,
				   .limit = from->limit,
				   .attr = attr,
				   .selector = from->selector};
}

static struct kvm_segment *sregs_slot(struct kvm_sregs *sregs, u32 seg)
{
	struct kvm_segment *slots[SEG_COUNT] = {
		[SEG_ES] = &sregs->es, [SEG_CS] = &sregs->cs,
		[SEG_SS] = &sregs->ss, [SEG_DS] = &sregs->ds,
		[SEG_FS] = &sregs->fs, [SEG_GS] = &sregs->gs,
		[SEG_TR] = &sregs->tr, [SEG_LDTR] = &sregs->ldt};

	return slots[seg];
}

static void sregs_fill(struct soft_vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	memset(sregs, 0, sizeof(*sregs));
	for (u32 i = 0; i < SEG_COUNT; i++)
		segment_get(&cpu->seg[i], sregs_slot(sregs, i));
	sregs->gdt.base = cpu->gdtr.base;
	sregs->gdt.limit = cpu->gdtr.limit;
	sregs->idt.base = cpu->idtr.base;
	sregs->idt.limit = cpu->idtr.limit;
	sregs->cr0 = cpu->cr0;
	sregs->cr2 = cpu->cr2;
	sregs->cr3 = cpu->cr3;
	sregs->cr4 = cpu->cr4;
	sregs->cr8 = cpu->ops->cr8_get(cpu->ctx);
	sregs->efer = cpu->efer;
	sregs->apic_base = vcpu->has_lapic ? vcpu->lapic.base : vcpu->apic_base;
	if (vcpu->interrupt_queued)
		sregs->interrupt_bitmap[vcpu->interrupt_vector / 64] |=
			BIT(vcpu->interrupt_vector % 64);
	else if (vcpu->extint >= 0)
		sregs->interrupt_bitmap[vcpu->extint / 64] |=
			BIT(vcpu->extint % 64);
}

int soft_get_sregs(struct engine_vcpu *handle, struct kvm_sregs *sregs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	sregs_fill(vcpu, sregs);
	mutex_unlock(&vcpu->lock);
	return 0;
}

/* Combinations that no processor can be in. */
static bool sregs_possible(const struct x86_cpu *cpu,
			   const struct kvm_sregs *sregs)
{
	u64 cr0 = sregs->cr0, cr4 = sregs->cr4, efer = sregs->efer;

	if (cr0 >> 32 || ((cr0 & CR0_NW) && !(cr0 & CR0_CD)) ||
	    ((cr0 & CR0_PG) && !(cr0 & CR0_PE)))
		return false;
	if (cr4 & ~cpu->cr4_allowed)
		return false;
	if ((efer & EFER_LME) && (cr0 & CR0_PG)) {
		if (!(cr4 & CR4_PAE) || !(efer & EFER_LMA))
			return false;
		return !(sregs->cs.l && sregs->cs.db);
	}
	return !(efer & EFER_LMA) && !sregs->cs.l;
}

static bool paging_pae(const struct x86_cpu *cpu)
{
	return (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) &&
	       !(cpu->efer & EFER_LMA);
}

static void control_set(struct soft_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct x86_cpu *cpu = &vcpu->cpu;

	cpu->gdtr = (struct x86_table){sregs->gdt.base, sregs->gdt.limit};
	cpu->idtr = (struct x86_table){sregs->idt.base, sregs->idt.limit};
	cpu->cr0 = sregs->cr0 | CR0_ET;
	cpu->cr2 = sregs->cr2;
	cpu->cr3 = sregs->cr3;
	cpu->cr4 = sregs->cr4;
	cpu->efer = sregs->efer;
	cpu->ops->cr8_set(cpu->ctx, sregs->cr8 & 15);
}

static void interrupt_set(struct soft_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	vcpu->interrupt_queued = false;
	if (!vcpu->has_lapic)
		vcpu->extint = -1;
	for (u32 i = 0; i < 256; i++) {
		if (!(sregs->interrupt_bitmap[i / 64] >> (i % 64) & 1))
			continue;
		vcpu->interrupt_queued = true;
		vcpu->interrupt_vector = (u8)i;
		return;
	}
}

/* A reset by the client wakes the boot CPU wherever it was halted. */
static void unhalt_on_reset(struct soft_vcpu *vcpu)
{
	const struct x86_cpu *cpu = &vcpu->cpu;

	if (vcpu->id == vcpu->vm->boot_cpu_id && RIP(cpu) == 0xfff0 &&
	    cpu->seg[SEG_CS].selector == 0xf000 && !(cpu->cr0 & CR0_PE))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

static bool apic_base_set(struct soft_vcpu *vcpu, u64 value)
{
	return soft_msr_set(vcpu, 0x1b, value);
}

/* Do these registers make CS:RIP another instruction than the waiting one? */
static bool elsewhere(const struct x86_cpu *cpu, const struct kvm_sregs *sregs)
{
	return cpu->seg[SEG_CS].base != sregs->cs.base ||
	       cpu->seg[SEG_CS].selector != sregs->cs.selector ||
	       (cpu->cr0 | CR0_ET) != (sregs->cr0 | CR0_ET) ||
	       cpu->cr3 != sregs->cr3 || cpu->efer != sregs->efer;
}

/* `pdptrs`: SREGS2 brings them; NULL: from memory. */
static int sregs_apply(struct soft_vcpu *vcpu, const struct kvm_sregs *sregs,
		       const __u64 *pdptrs)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct kvm_sregs copy = *sregs;

	if (!sregs_possible(cpu, sregs) ||
	    !apic_base_set(vcpu, sregs->apic_base))
		return trace_err(-EINVAL);
	if (elsewhere(cpu, sregs))
		soft_exit_abandon(vcpu);
	for (u32 i = 0; i < SEG_COUNT; i++)
		segment_set(sregs_slot(&copy, i), &cpu->seg[i]);
	control_set(vcpu, sregs);
	interrupt_set(vcpu, sregs);
	tlb_flush(cpu, true);
	x86_mode_update(cpu);
	if (pdptrs)
		memcpy(cpu->pdpte, pdptrs, sizeof(cpu->pdpte));
	else if (paging_pae(cpu)) {
		soft_guest_enter(vcpu);		 /* slots hold still */
		(void)pdpte_load(cpu, cpu->cr3); /* wrong ones fault when used */
		soft_guest_leave(vcpu);
	}
	unhalt_on_reset(vcpu);
	soft_request(vcpu, REQUEST_EVENT);
	return 0;
}

int soft_set_sregs(struct engine_vcpu *handle, const struct kvm_sregs *sregs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err;

	mutex_lock(&vcpu->lock);
	err = sregs_apply(vcpu, sregs, NULL);
	mutex_unlock(&vcpu->lock);
	return err;
}

/* The two structs share everything up to apic_base. */
int soft_get_sregs2(struct engine_vcpu *handle, struct kvm_sregs2 *sregs2)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct kvm_sregs sregs;

	mutex_lock(&vcpu->lock);
	sregs_fill(vcpu, &sregs);
	memset(sregs2, 0, sizeof(*sregs2));
	memcpy(sregs2, &sregs, offsetof(struct kvm_sregs2, flags));
	if (paging_pae(&vcpu->cpu)) {
		sregs2->flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
		memcpy(sregs2->pdptrs, vcpu->cpu.pdpte, sizeof(sregs2->pdptrs));
	}
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_set_sregs2(struct engine_vcpu *handle, const struct kvm_sregs2 *sregs2)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct kvm_sregs sregs = {0};
	bool pdptrs = sregs2->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	int err;

	if (sregs2->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return trace_err(-EINVAL);
	memcpy(&sregs, sregs2, offsetof(struct kvm_sregs2, flags));
	mutex_lock(&vcpu->lock);
	if (pdptrs && !((sregs.cr0 & CR0_PG) && (sregs.cr4 & CR4_PAE) &&
			!(sregs.efer & EFER_LMA)))
		err = trace_err(-EINVAL);
	else
		err = sregs_apply(vcpu, &sregs, pdptrs ? sregs2->pdptrs : NULL);
	mutex_unlock(&vcpu->lock);
	return err;
}

/* --- XCR0 --- */

int soft_get_xcrs(struct engine_vcpu *handle, struct kvm_xcrs *xcrs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	memset(xcrs, 0, sizeof(*xcrs));
	mutex_lock(&vcpu->lock);
	if (vcpu->cpu.xcr0_allowed) {
		xcrs->nr_xcrs = 1;
		xcrs->xcrs[0].value = vcpu->cpu.xcr0;
	}
	mutex_unlock(&vcpu->lock);
	return 0;
}

static bool xcr0_possible(const struct x86_cpu *cpu, u64 value)
{
	return (value & XCR0_X87) && !(value & ~cpu->xcr0_allowed) &&
	       (!(value & XCR0_AVX) || (value & XCR0_SSE));
}

int soft_set_xcrs(struct engine_vcpu *handle, const struct kvm_xcrs *xcrs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err = 0;

	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return trace_err(-EINVAL);
	mutex_lock(&vcpu->lock);
	if (!vcpu->cpu.xcr0_allowed)
		err = trace_err(-EINVAL);
	for (u32 i = 0; i < xcrs->nr_xcrs && !err; i++) {
		if (xcrs->xcrs[i].xcr != 0)
			continue; /* the kernel looks for XCR0 alone */
		if (!xcr0_possible(&vcpu->cpu, xcrs->xcrs[i].value))
			err = trace_err(-EINVAL);
		else
			vcpu->cpu.xcr0 = xcrs->xcrs[i].value;
		break;
	}
	x86_mode_update(&vcpu->cpu);
	mutex_unlock(&vcpu->lock);
	return err;
}

/* --- debug registers --- */

int soft_get_debugregs(struct engine_vcpu *handle, struct kvm_debugregs *regs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	memset(regs, 0, sizeof(*regs));
	mutex_lock(&vcpu->lock);
	memcpy(regs->db, vcpu->cpu.dr, sizeof(regs->db));
	regs->dr6 = vcpu->cpu.dr6;
	regs->dr7 = vcpu->cpu.dr7;
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_set_debugregs(struct engine_vcpu *handle,
		       const struct kvm_debugregs *regs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	if (regs->flags || regs->dr6 >> 32 || regs->dr7 >> 32)
		return trace_err(-EINVAL);
	mutex_lock(&vcpu->lock);
	memcpy(vcpu->cpu.dr, regs->db, sizeof(regs->db));
	vcpu->cpu.dr6 = (regs->dr6 & DR6_WRITABLE) | DR6_FIXED;
	vcpu->cpu.dr7 = (regs->dr7 & DR7_WRITABLE) | DR7_FIXED;
	tlb_flush(&vcpu->cpu, true); /* pages with breakpoints are not entered */
	x86_mode_update(&vcpu->cpu);
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_set_guest_debug(struct engine_vcpu *handle,
			 const struct kvm_guest_debug *debug)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct x86_cpu *cpu = &vcpu->cpu;
	u32 inject = KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP;
	int err = 0;

	mutex_lock(&vcpu->lock);
	if ((debug->control & inject) && vcpu->exception_queued) {
		err = trace_err(-EBUSY);
	} else if (debug->control & inject) {
		bool db = debug->control & KVM_GUESTDBG_INJECT_DB;

		/* An INT3 that was not the debugger's is the guest's own. */
		cpu->exception = (struct x86_exception){
			.vector = db ? VECTOR_DB : VECTOR_BP,
			.trap = true,
			.software = !db};
		vcpu->exception_queued = true;
		soft_request(vcpu, REQUEST_EVENT);
	}
	if (!err) {
		cpu->debug_guest = debug->control & KVM_GUESTDBG_ENABLE
					   ? debug->control
					   : 0;
		for (u32 i = 0; i < 4; i++)
			cpu->debug_dr[i] = debug->arch.debugreg[i];
		cpu->debug_dr7 = debug->arch.debugreg[7];
		tlb_flush(cpu, true);
		x86_mode_update(cpu);
	}
	mutex_unlock(&vcpu->lock);
	return err;
}
