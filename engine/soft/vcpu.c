/* SPDX-License-Identifier: MIT */
/*
 * A vCPU of the software engine: its life and the calls that belong to no other
 * room. Running is run.c, registers are state.c, events events.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/core/cpuid/cpuid_bits.h"
#include "engine/core/exec/exec.h"
#include "engine/core/fpu/fpu.h"
#include "engine/core/msr/msr.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/block.h"
#include "engine/soft/direct/direct.h"
#include "engine/soft/guard.h"
#include "engine/soft/soft.h"

static void *pages_map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, bytes, MADV_DONTFORK); /* see block_cache_create() */
	return at;
}

static void pages_unmap(void *at, size_t bytes)
{
	if (at)
		(void)munmap(at, bytes); /* our own mapping */
}

static void parts_free(struct soft_vcpu *vcpu)
{
	block_cache_free(vcpu->blocks);
	direct_free(vcpu->direct);
	translator_free(vcpu->translator);
	for (u32 i = 0; i < TLB_CLASSES; i++)
		pages_unmap(vcpu->cpu.tlbs[i], sizeof(struct x86_tlb));
	pages_unmap(vcpu->vcpu.run, SOFT_RUN_PAGES * 4096);
	if (vcpu->wake_fd >= 0)
		(void)close(vcpu->wake_fd);
	mutex_release(&vcpu->lock);
	pages_unmap(vcpu, sizeof(*vcpu));
}

static void vcpu_free(struct engine_vcpu *handle)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct soft_vm *vm = vcpu->vm;

	mutex_lock(&vm->lock);
	soft_exclusive_begin(vm, NULL);
	soft_lapic_detach(vcpu);
	vm->vcpu[vcpu->id] = NULL;
	vm->vcpu_count--;
	soft_exclusive_end(vm, NULL);
	mutex_unlock(&vm->lock);
	parts_free(vcpu);
}

/* The last page is the VM's ring. */
static struct kvm_run *run_pages_map(struct soft_vm *vm)
{
	u8 *pages = pages_map(SOFT_RUN_PAGES * 4096);

	if (pages && soft_coalesced_map(vm, pages + SOFT_RING_OFFSET)) {
		pages_unmap(pages, SOFT_RUN_PAGES * 4096);
		return NULL;
	}
	return (struct kvm_run *)(void *)pages;
}

static bool parts_make(struct soft_vcpu *vcpu)
{
	vcpu->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vcpu->vcpu.run = run_pages_map(vcpu->vm);
	vcpu->blocks = block_cache_create();
	for (u32 i = 0; i < TLB_CLASSES; i++) {
		vcpu->cpu.tlbs[i] = pages_map(sizeof(struct x86_tlb));
		if (!vcpu->cpu.tlbs[i])
			return false;
	}
	/* Without executable memory tier 0 goes on alone. */
	if (vcpu->vm->code_map)
		vcpu->translator =
			translator_create(vcpu, &vcpu->vm->engine->translate);
	if (vcpu->translator && vcpu->vm->engine->tier >= 3)
		vcpu->direct = direct_create(vcpu);
	return vcpu->wake_fd >= 0 && vcpu->vcpu.run && vcpu->blocks;
}

/* The guest's view of what CPUID now says. */
static void features_apply(struct soft_vcpu *vcpu)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	const struct kvm_cpuid_entry2 *one, *extended;
	u32 features = 0;

	cpuid_apply_limited(cpu, vcpu->cpuid, vcpu->cpuid_count,
			    vcpu->vm->engine->features);
	extended = cpuid_find(vcpu->cpuid, vcpu->cpuid_count, 0x80000001, 0);
	cpu->pages_1g = extended && (extended->edx & CPUID_X1_EDX_PDPE1GB);
	block_cache_clear(vcpu->blocks);
	if (vcpu->translator)
		translator_clear(vcpu->translator);
	tlb_flush(cpu, true);
	x86_mode_update(cpu);
	if (!vcpu->has_lapic)
		return;
	one = cpuid_find(vcpu->cpuid, vcpu->cpuid_count, 1, 0);
	if (one && (one->ecx >> 21 & 1))
		features |= LAPIC_HAS_X2APIC;
	if (one && (one->ecx >> 24 & 1))
		features |= LAPIC_HAS_TSC_DEADLINE;
	mutex_lock(&vcpu->vm->irq_lock);
	lapic_set_features(&vcpu->lapic, features, cpu->physical_bits);
	mutex_unlock(&vcpu->vm->irq_lock);
}

static void state_begin(struct soft_vcpu *vcpu)
{
	struct soft_engine *engine = vcpu->vm->engine;
	struct x86_cpu *cpu = &vcpu->cpu;
	bool boot = vcpu->id == vcpu->vm->boot_cpu_id;

	cpu->ops = &engine->ops;
	cpu->ctx = vcpu;
	cpu->tlb = cpu->tlbs[TLB_SUPERVISOR];
	cpu->tlb_generation[0] = cpu->tlb_generation[1] = 1;
	cpu->tlb_generation_last = 1;
	cpu->tlb_space = cpu->tlb_space_last = 1;
	vcpu->extint = -1;
	vcpu->apic_base = LAPIC_BASE_DEFAULT | LAPIC_BASE_EN |
			  (boot ? LAPIC_BASE_BSP : 0);
	vcpu->mp_state = boot || !vcpu->vm->irqchip ? KVM_MP_STATE_RUNNABLE
						    : KVM_MP_STATE_UNINITIALIZED;
	vcpu->tsc_khz = engine->tsc_khz;
	vcpu->tsc_offset = vcpu->vm->tsc_offset_first;
	x86_reset(cpu, false);
	msr_init(cpu,
		 cpuid_vendor_amd(engine->supported, engine->supported_count),
		 engine->arch_capabilities);
	cpu->msr.apic_base = vcpu->apic_base;
}

/* vm.lock held. */
static int vcpu_join(struct soft_vm *vm, struct soft_vcpu *vcpu)
{
	if (vm->vcpu[vcpu->id])
		return trace_err(-EEXIST);
	soft_exclusive_begin(vm, NULL);
	vm->vcpu[vcpu->id] = vcpu;
	vm->vcpu_count++;
	soft_exclusive_end(vm, NULL);
	state_begin(vcpu);
	if (vm->irqchip)
		soft_lapic_attach(vcpu);
	features_apply(vcpu);
	if (vm->tsc_khz != vm->engine->tsc_khz)
		(void)soft_vcpu_set_tsc_khz(vcpu,
					    vm->tsc_khz); /* checked there */
	return 0;
}

int soft_vcpu_create(struct soft_vm *vm, u32 id, struct engine_vcpu **ret)
{
	struct soft_vcpu *vcpu;
	int err;

	if (id >= SOFT_VCPUS_MAX)
		return trace_err(-EINVAL);
	/* Zero, and most of its tables stay untouched for long. */
	vcpu = pages_map(sizeof(*vcpu));
	if (!vcpu)
		return trace_err(-ENOMEM);
	vcpu->vcpu.ops = &soft_vcpu_ops;
	vcpu->vm = vm;
	vcpu->id = id;
	mutex_init(&vcpu->lock);
	if (!parts_make(vcpu)) {
		parts_free(vcpu);
		return trace_err(-ENOMEM);
	}
	mutex_lock(&vm->lock);
	err = vcpu_join(vm, vcpu);
	mutex_unlock(&vm->lock);
	if (err) {
		parts_free(vcpu);
		return err;
	}
	*ret = &vcpu->vcpu;
	return 0;
}

static int vcpu_enable_cap(struct engine_vcpu *handle,
			   const struct kvm_enable_cap *cap)
{
	(void)handle;
	(void)cap;
	return trace_err(-EINVAL); /* none of ours is a vCPU's */
}

/* --- FPU --- */

static int get_fpu(struct engine_vcpu *handle, struct kvm_fpu *fpu)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	fpu_get_kvm(&vcpu->cpu, fpu);
	mutex_unlock(&vcpu->lock);
	return 0;
}

static int set_fpu(struct engine_vcpu *handle, const struct kvm_fpu *fpu)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err;

	mutex_lock(&vcpu->lock);
	err = fpu_set_kvm(&vcpu->cpu, fpu);
	mutex_unlock(&vcpu->lock);
	return err;
}

static int get_xsave(struct engine_vcpu *handle, struct kvm_xsave *xsave)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	xsave_get(&vcpu->cpu, xsave);
	mutex_unlock(&vcpu->lock);
	return 0;
}

static int set_xsave(struct engine_vcpu *handle, const struct kvm_xsave *xsave)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err;

	mutex_lock(&vcpu->lock);
	err = xsave_set(&vcpu->cpu, xsave);
	mutex_unlock(&vcpu->lock);
	return err;
}

/* --- MSRs, CPUID --- */

#define MSRS_PER_CALL 256 /* and the kernel's, which takes fewer than that */

static int get_msrs(struct engine_vcpu *handle, struct kvm_msrs *msrs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	u32 i;

	if (msrs->nmsrs >= MSRS_PER_CALL)
		return trace_err(-E2BIG);
	mutex_lock(&vcpu->lock);
	for (i = 0; i < msrs->nmsrs; i++) {
		u64 value;

		if (!soft_msr_get(vcpu, msrs->entries[i].index, &value))
			break;
		msrs->entries[i].data = value;
	}
	mutex_unlock(&vcpu->lock);
	return (int)i;
}

static int set_msrs(struct engine_vcpu *handle, const struct kvm_msrs *msrs)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	u32 i;

	if (msrs->nmsrs >= MSRS_PER_CALL)
		return trace_err(-E2BIG);
	mutex_lock(&vcpu->lock);
	for (i = 0; i < msrs->nmsrs; i++)
		if (!soft_msr_set(vcpu, msrs->entries[i].index,
				  msrs->entries[i].data))
			break;
	x86_mode_update(&vcpu->cpu);
	mutex_unlock(&vcpu->lock);
	return (int)i;
}

static int set_cpuid2(struct engine_vcpu *handle, const struct kvm_cpuid2 *cpuid)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	if (cpuid->nent > SOFT_CPUID_MAX)
		return trace_err(-E2BIG);
	mutex_lock(&vcpu->lock);
	memcpy(vcpu->cpuid, cpuid->entries,
	       cpuid->nent * sizeof(vcpu->cpuid[0]));
	vcpu->cpuid_count = cpuid->nent;
	features_apply(vcpu);
	mutex_unlock(&vcpu->lock);
	return 0;
}

static int get_cpuid2(struct engine_vcpu *handle, struct kvm_cpuid2 *cpuid)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	u32 room = cpuid->nent;

	mutex_lock(&vcpu->lock);
	cpuid->nent = vcpu->cpuid_count;
	if (room >= vcpu->cpuid_count)
		memcpy(cpuid->entries, vcpu->cpuid,
		       vcpu->cpuid_count * sizeof(vcpu->cpuid[0]));
	mutex_unlock(&vcpu->lock);
	return room < cpuid->nent ? trace_err(-E2BIG) : 0;
}

static int x86_setup_mce(struct engine_vcpu *handle, u64 mcg_cap)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	bool fine;

	mutex_lock(&vcpu->lock);
	fine = msr_setup_mce(&vcpu->cpu, mcg_cap);
	mutex_unlock(&vcpu->lock);
	return fine ? 0 : trace_err(-EINVAL);
}

/* --- LAPIC --- */

static int get_lapic(struct engine_vcpu *handle, struct kvm_lapic_state *lapic)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	if (!vcpu->has_lapic)
		return trace_err(-EINVAL);
	mutex_lock(&vcpu->lock);
	mutex_lock(&vcpu->vm->irq_lock);
	lapic_get_state(&vcpu->lapic, lapic);
	mutex_unlock(&vcpu->vm->irq_lock);
	mutex_unlock(&vcpu->lock);
	return 0;
}

static int set_lapic(struct engine_vcpu *handle,
		     const struct kvm_lapic_state *lapic)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err;

	if (!vcpu->has_lapic)
		return trace_err(-EINVAL);
	mutex_lock(&vcpu->lock);
	mutex_lock(&vcpu->vm->irq_lock);
	err = lapic_set_state(&vcpu->lapic, lapic);
	mutex_unlock(&vcpu->vm->irq_lock);
	soft_request(vcpu, REQUEST_EVENT | REQUEST_POLL);
	mutex_unlock(&vcpu->lock);
	return err;
}

/* --- the rest --- */

/*
 * Walks as the kernel would for itself: no permission is asked, A and D stay.
 * A table whose slot has no memory behind it faults like a run does.
 */
static bool walk_probe(struct soft_vcpu *vcpu, u64 linear, struct walk *ret)
{
	struct x86_cpu *cpu = &vcpu->cpu;
	struct x86_exception exception = cpu->exception;
	u64 rflags = cpu->rflags;
	volatile bool found = false; /* lives across siglongjmp */

	soft_guest_enter(vcpu);
	soft_guard_enter(vcpu);
	if (!sigsetjmp(vcpu->guard, 0)) {
		vcpu->guarded = true;
		cpu->rflags |= RFLAGS_AC; /* SMAP is not for us */
		found = page_walk(cpu, linear, WALK_PROBE, ret) == X86_OK;
	}
	vcpu->guarded = false;
	soft_guard_leave();
	soft_guest_leave(vcpu);
	cpu->rflags = rflags;
	cpu->exception = exception;
	return found;
}

static int translate(struct engine_vcpu *handle,
		     struct kvm_translation *translation)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct walk walk;
	bool found;

	mutex_lock(&vcpu->lock);
	found = walk_probe(vcpu, translation->linear_address, &walk);
	mutex_unlock(&vcpu->lock);
	translation->physical_address = found ? walk.gpa : ~0ull;
	translation->valid = found;
	translation->writeable = 1;
	translation->usermode = 0;
	return 0;
}

static int set_signal_mask(struct engine_vcpu *handle, const u64 *mask)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	vcpu->sigset.set = mask != NULL;
	vcpu->sigset.mask = mask ? *mask : 0;
	mutex_unlock(&vcpu->lock);
	return 0;
}

/* SMM is not there: KVM_CAP_X86_SMM reads 0. */
static int smi(struct engine_vcpu *handle)
{
	(void)handle;
	return trace_err(-ENOTTY);
}

/* KVM_CAP_VAPIC reads 0. */
static int tpr_access_reporting(struct engine_vcpu *handle,
				struct kvm_tpr_access_ctl *control)
{
	(void)handle;
	(void)control;
	return trace_err(-EINVAL);
}

static int set_vapic_addr(struct engine_vcpu *handle, u64 address)
{
	(void)handle;
	(void)address;
	return trace_err(-EINVAL);
}

static int set_tsc_khz(struct engine_vcpu *handle, u32 khz)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err;

	mutex_lock(&vcpu->lock);
	err = soft_vcpu_set_tsc_khz(vcpu, khz);
	mutex_unlock(&vcpu->lock);
	return err;
}

static int get_tsc_khz(struct engine_vcpu *handle)
{
	return (int)soft_vcpu(handle)->tsc_khz;
}

static int kvmclock_ctrl(struct engine_vcpu *handle)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err = 0;

	mutex_lock(&vcpu->lock);
	if (!(vcpu->cpu.msr.kvm_system_time & 1))
		err = trace_err(-EINVAL);
	else
		vcpu->guest_stopped = true;
	soft_request(vcpu, REQUEST_CLOCK);
	mutex_unlock(&vcpu->lock);
	return err;
}

static u64 instructions(struct engine_vcpu *handle)
{
	return __atomic_load_n(&soft_vcpu(handle)->cpu.retired,
			       __ATOMIC_RELAXED);
}

static void *mapped_page(struct engine_vcpu *handle, u32 page)
{
	return page < SOFT_RUN_PAGES ? (u8 *)handle->run + page * 4096 : NULL;
}

const struct engine_vcpu_ops soft_vcpu_ops = {
	.free = vcpu_free,
	.run = soft_run,
	.enable_cap = vcpu_enable_cap,
	.get_regs = soft_get_regs,
	.set_regs = soft_set_regs,
	.get_sregs = soft_get_sregs,
	.set_sregs = soft_set_sregs,
	.get_sregs2 = soft_get_sregs2,
	.set_sregs2 = soft_set_sregs2,
	.get_fpu = get_fpu,
	.set_fpu = set_fpu,
	.get_xsave = get_xsave,
	.set_xsave = set_xsave,
	.get_xcrs = soft_get_xcrs,
	.set_xcrs = soft_set_xcrs,
	.get_msrs = get_msrs,
	.set_msrs = set_msrs,
	.set_cpuid2 = set_cpuid2,
	.get_cpuid2 = get_cpuid2,
	.get_lapic = get_lapic,
	.set_lapic = set_lapic,
	.get_vcpu_events = soft_get_vcpu_events,
	.set_vcpu_events = soft_set_vcpu_events,
	.get_mp_state = soft_get_mp_state,
	.set_mp_state = soft_set_mp_state,
	.get_debugregs = soft_get_debugregs,
	.set_debugregs = soft_set_debugregs,
	.set_guest_debug = soft_set_guest_debug,
	.translate = translate,
	.interrupt = soft_interrupt,
	.nmi = soft_nmi,
	.smi = smi,
	.set_signal_mask = set_signal_mask,
	.tpr_access_reporting = tpr_access_reporting,
	.set_vapic_addr = set_vapic_addr,
	.set_tsc_khz = set_tsc_khz,
	.get_tsc_khz = get_tsc_khz,
	.kvmclock_ctrl = kvmclock_ctrl,
	.x86_setup_mce = x86_setup_mce,
	.instructions = instructions,
	.mapped_page = mapped_page,
};
