/* SPDX-License-Identifier: MIT */
/* Flat protected mode, or long mode on the boot page tables. */
#include "vmm/machine/vcpu_entry.h"

#include "vmm/firmware/boot/cpu_tables.h"
#include "vmm/firmware/memory_map.h"

/* [SDM3 2.5 "Control Registers"] */
#define CR0_PE	 BIT(0)
#define CR0_ET	 BIT(4)
#define CR0_PG	 BIT(31)
#define CR4_PAE	 BIT(5)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)

#define RFLAGS_RESERVED_1 0x2

/* Descriptor types. [SDM3 3.4.5.1 "Code- and Data-Segment Descriptor Types"] */
#define TYPE_CODE     0xb
#define TYPE_DATA     0x3
#define TYPE_TSS_BUSY 0xb

static struct kvm_segment flat(u16 selector, u8 type, bool long_mode)
{
	bool code = type == TYPE_CODE;

	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code && long_mode,
		.db = !(code && long_mode),
	};
}

static void fill_segments(struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment data = flat(BOOT_SELECTOR_DATA, TYPE_DATA, long_mode);

	sregs->cs = flat(BOOT_SELECTOR_CODE, TYPE_CODE, long_mode);
	sregs->ds = sregs->es = sregs->ss = data;
	sregs->fs = sregs->gs = data;
	sregs->tr = (struct kvm_segment){
		.limit = 0x67,
		.selector = BOOT_SELECTOR_TSS,
		.type = TYPE_TSS_BUSY,
		.present = 1,
	};
	sregs->ldt = (struct kvm_segment){.unusable = 1};
	sregs->gdt.base = BOOT_GDT_GPA;
	sregs->gdt.limit = BOOT_GDT_COUNT * 8 - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
}

int vcpu_enter_boot(struct engine_vcpu *vcpu, const struct boot_entry *entry)
{
	bool long_mode = entry->mode == BOOT_LONG_64;
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rsi = entry->rsi,
		.rflags = RFLAGS_RESERVED_1,
	};
	struct kvm_sregs sregs;
	int err = vcpu->ops->get_sregs(vcpu, &sregs);

	if (err)
		return trace_err(err);
	fill_segments(&sregs, long_mode);
	sregs.cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0);
	sregs.cr3 = long_mode ? BOOT_PAGE_TABLES_GPA : 0;
	sregs.cr4 = long_mode ? CR4_PAE : 0;
	sregs.efer = long_mode ? EFER_LME | EFER_LMA : 0;
	err = vcpu->ops->set_sregs(vcpu, &sregs);
	if (!err)
		err = vcpu->ops->set_regs(vcpu, &regs);
	return err ? trace_err(err) : 0;
}
