/* SPDX-License-Identifier: MIT */
/*
 * MSRs that are a face of something else: the TSC, the LAPIC, KVM's own.
 */
#include "engine/core/msr/msr.h"

#include <assert.h>
#include <linux/kvm_para.h>

#include "engine/soft/soft.h"

static bool is_x2apic(u32 index)
{
	return index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST;
}

static bool x2apic_access(struct soft_vcpu *vcpu, u32 index, u64 *value,
			  bool write)
{
	bool fine;

	if (!vcpu->has_lapic)
		return false;
	mutex_lock(&vcpu->vm->irq_lock);
	fine = write ? lapic_msr_write(&vcpu->lapic, index, *value)
		     : lapic_msr_read(&vcpu->lapic, index, value);
	mutex_unlock(&vcpu->vm->irq_lock);
	return fine;
}

static u64 apic_base_read(const struct soft_vcpu *vcpu)
{
	return vcpu->has_lapic ? vcpu->lapic.base : vcpu->apic_base;
}

static bool apic_base_write(struct soft_vcpu *vcpu, u64 value, bool from_guest)
{
	bool fine;

	if (!vcpu->has_lapic) {
		vcpu->apic_base = value;
		return true;
	}
	mutex_lock(&vcpu->vm->irq_lock);
	fine = lapic_base_write(&vcpu->lapic, value, from_guest);
	mutex_unlock(&vcpu->vm->irq_lock);
	vcpu->cpu.msr.apic_base = vcpu->lapic.base;
	return fine;
}

static u64 tsc_deadline_read(struct soft_vcpu *vcpu)
{
	u64 value;

	if (!vcpu->has_lapic)
		return 0;
	mutex_lock(&vcpu->vm->irq_lock);
	value = lapic_tsc_deadline_read(&vcpu->lapic);
	mutex_unlock(&vcpu->vm->irq_lock);
	return value;
}

static void tsc_deadline_write(struct soft_vcpu *vcpu, u64 value)
{
	if (!vcpu->has_lapic)
		return;
	mutex_lock(&vcpu->vm->irq_lock);
	lapic_tsc_deadline_write(&vcpu->lapic, value);
	mutex_unlock(&vcpu->vm->irq_lock);
}

/* KVM's registers that are kept as values. */
static u64 *kvm_value(struct soft_vcpu *vcpu, u32 index)
{
	struct x86_msrs *msr = &vcpu->cpu.msr;

	switch (index) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return &msr->kvm_system_time;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return &msr->kvm_wall_clock;
	case MSR_KVM_ASYNC_PF_EN:
		return &msr->kvm_async_pf;
	case MSR_KVM_STEAL_TIME:
		return &msr->kvm_steal_time;
	case MSR_KVM_PV_EOI_EN:
		return &msr->kvm_pv_eoi;
	case MSR_KVM_POLL_CONTROL:
		return &msr->kvm_poll_control;
	case MSR_KVM_ASYNC_PF_INT:
		return &msr->kvm_async_pf_int;
	default:
		return NULL;
	}
}

static bool kvm_offered(const struct soft_vcpu *vcpu, u32 index)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(
		vcpu->cpuid, vcpu->cpuid_count, CPUID_KVM_FEATURES, 0);
	u32 bit;

	switch (index) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_WALL_CLOCK:
		bit = KVM_FEATURE_CLOCKSOURCE;
		break;
	case MSR_KVM_SYSTEM_TIME_NEW:
	case MSR_KVM_WALL_CLOCK_NEW:
		bit = KVM_FEATURE_CLOCKSOURCE2;
		break;
	default: /* none of the others is offered */
		return false;
	}
	return entry && (entry->eax >> bit & 1);
}

static bool kvm_write(struct soft_vcpu *vcpu, u32 index, u64 value)
{
	u64 *slot = kvm_value(vcpu, index);

	if (!slot)
		return false;
	/* What is not offered can only be off. */
	if (slot != &vcpu->cpu.msr.kvm_system_time &&
	    slot != &vcpu->cpu.msr.kvm_wall_clock &&
	    slot != &vcpu->cpu.msr.kvm_poll_control && value)
		return false;
	*slot = value;
	if (slot == &vcpu->cpu.msr.kvm_system_time)
		__atomic_fetch_or(&vcpu->request, REQUEST_CLOCK,
				  __ATOMIC_RELAXED);
	return true;
}

int soft_msr_read(void *ctx, u32 index, u64 *ret)
{
	struct soft_vcpu *vcpu = ctx;
	u64 *slot;

	translator_fpu_sync(vcpu);
	assert(vcpu);
	if (is_x2apic(index))
		return x2apic_access(vcpu, index, ret, false) ? X86_OK
							      : X86_FAULT;
	switch (index) {
	case MSR_TSC:
		*ret = soft_guest_tsc(vcpu);
		return X86_OK;
	case MSR_APIC_BASE:
		*ret = apic_base_read(vcpu);
		return X86_OK;
	case MSR_TSC_DEADLINE:
		*ret = tsc_deadline_read(vcpu);
		return X86_OK;
	default:
		slot = kvm_value(vcpu, index);
		if (!slot || !kvm_offered(vcpu, index))
			return X86_FAULT;
		*ret = *slot;
		return X86_OK;
	}
}

int soft_msr_write(void *ctx, u32 index, u64 value)
{
	struct soft_vcpu *vcpu = ctx;

	translator_fpu_sync(vcpu);
	assert(vcpu);
	if (is_x2apic(index))
		return x2apic_access(vcpu, index, &value, true) ? X86_OK
								: X86_FAULT;
	switch (index) {
	case MSR_TSC: /* TSC_ADJUST follows. [SDM3 17.17.3] */
		vcpu->cpu.msr.tsc_adjust += value - soft_guest_tsc(vcpu);
		soft_guest_tsc_write(vcpu, value);
		return X86_OK;
	case MSR_TSC_ADJUST:
		soft_guest_tsc_write(vcpu, soft_guest_tsc(vcpu) + value -
						   vcpu->cpu.msr.tsc_adjust);
		vcpu->cpu.msr.tsc_adjust = value;
		return X86_OK;
	case MSR_APIC_BASE:
		return apic_base_write(vcpu, value, true) ? X86_OK : X86_FAULT;
	case MSR_TSC_DEADLINE:
		tsc_deadline_write(vcpu, value);
		return X86_OK;
	default:
		if (!kvm_offered(vcpu, index) || !kvm_write(vcpu, index, value))
			return X86_FAULT;
		if (index == MSR_KVM_WALL_CLOCK ||
		    index == MSR_KVM_WALL_CLOCK_NEW)
			soft_wall_clock_write(vcpu, value);
		return X86_OK;
	}
}

bool soft_msr_get(struct soft_vcpu *vcpu, u32 index, u64 *ret)
{
	u64 *slot;

	switch (msr_get_host(&vcpu->cpu, index, ret)) {
	case MSR_DONE:
		return true;
	case MSR_OWNER:
		break;
	default:
		return false;
	}
	slot = kvm_value(vcpu, index);
	if (slot) {
		*ret = *slot;
		return true;
	}
	return soft_msr_read(vcpu, index, ret) == X86_OK;
}

/*
 * The client restores a TSC without touching TSC_ADJUST, and writes each vCPU's
 * a moment after the last: a value near what the first vCPU shows now is meant
 * to be the same. [KVM-API 4.19 "KVM_SET_MSRS"]
 */
static void tsc_restore(struct soft_vcpu *vcpu, u64 value)
{
	struct soft_vm *vm = vcpu->vm;
	u64 expected =
		soft_guest_tsc(vcpu) - vcpu->tsc_offset + vm->tsc_offset_first;
	u64 off = value > expected ? value - expected : expected - value;

	if (off < (u64)vcpu->tsc_khz * 1000 && vcpu->id != vm->boot_cpu_id)
		value = expected;
	soft_guest_tsc_write(vcpu, value);
	if (vcpu->id == vm->boot_cpu_id)
		vm->tsc_offset_first = vcpu->tsc_offset;
}

bool soft_msr_set(struct soft_vcpu *vcpu, u32 index, u64 value)
{
	switch (msr_set_host(&vcpu->cpu, index, value)) {
	case MSR_DONE:
		return true;
	case MSR_OWNER:
		break;
	default:
		return false;
	}
	if (kvm_value(vcpu, index))
		return kvm_write(vcpu, index, value);
	switch (index) {
	case MSR_TSC:
		tsc_restore(vcpu, value);
		return true;
	case MSR_TSC_ADJUST:
		vcpu->cpu.msr.tsc_adjust = value;
		return true;
	case MSR_APIC_BASE:
		return apic_base_write(vcpu, value, false);
	case MSR_TSC_DEADLINE:
		tsc_deadline_write(vcpu, value);
		return true;
	default:
		return soft_msr_write(vcpu, index, value) == X86_OK;
	}
}

/* [KVM-API 4.97 "KVM_X86_SET_MSR_FILTER"] */
bool soft_msr_allowed(const struct soft_vm *vm, u32 index, bool write)
{
	const struct soft_msr_filter *filter = vm->filter;
	u32 flag = write ? KVM_MSR_FILTER_WRITE : KVM_MSR_FILTER_READ;

	if (!filter || is_x2apic(index))
		return true;
	for (u32 i = 0; i < filter->count; i++) {
		u32 offset = index - filter->range[i].base;

		if ((filter->range[i].flags & flag) &&
		    offset < filter->range[i].nmsrs)
			return filter->range[i].bitmap[offset / 8] >>
				       (offset % 8) &
			       1;
	}
	return !filter->deny_default;
}
