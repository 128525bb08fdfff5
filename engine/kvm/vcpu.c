/* SPDX-License-Identifier: MIT */
/*
 * The vcpu ioctls of the /dev/kvm way, and the mapping of struct kvm_run.
 * [KVM-API 4 "API description", 5 "The kvm_run structure"]
 *
 * get_xsave is KVM_GET_XSAVE, 4096 bytes: state beyond them (AMX tiles) exists
 * only in a process that asked the kernel for it, which nobody here does.
 */
#include "engine/kvm/kvm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/fd.h"

/* The unit in which the pages behind kvm_run are counted. */
#define KVM_RUN_PAGE_BYTES 4096

/* sizeof(sigset_t) in the kernel: 64 signals. */
#define KERNEL_SIGSET_BYTES 8

static struct kvm_way_vcpu *vcpu_of(struct engine_vcpu *vcpu)
{
	return container_of(vcpu, struct kvm_way_vcpu, base);
}

/* vcpu_<name>(vcpu, arg): a request whose argument is a struct, */
#define VCPU_CALL(name, request, type)                                    \
	static int vcpu_##name(struct engine_vcpu *vcpu, type *arg)       \
	{                                                                 \
		return kvm_way_ioctl_at(vcpu_of(vcpu)->fd, request, arg); \
	}
/* or nothing. */
#define VCPU_CALL_NONE(name, request)                                \
	static int vcpu_##name(struct engine_vcpu *vcpu)             \
	{                                                            \
		return kvm_way_ioctl(vcpu_of(vcpu)->fd, request, 0); \
	}

VCPU_CALL(enable_cap, KVM_ENABLE_CAP, const struct kvm_enable_cap)
VCPU_CALL(get_regs, KVM_GET_REGS, struct kvm_regs)
VCPU_CALL(set_regs, KVM_SET_REGS, const struct kvm_regs)
VCPU_CALL(get_sregs, KVM_GET_SREGS, struct kvm_sregs)
VCPU_CALL(set_sregs, KVM_SET_SREGS, const struct kvm_sregs)
VCPU_CALL(get_sregs2, KVM_GET_SREGS2, struct kvm_sregs2)
VCPU_CALL(set_sregs2, KVM_SET_SREGS2, const struct kvm_sregs2)
VCPU_CALL(get_fpu, KVM_GET_FPU, struct kvm_fpu)
VCPU_CALL(set_fpu, KVM_SET_FPU, const struct kvm_fpu)
VCPU_CALL(get_xsave, KVM_GET_XSAVE, struct kvm_xsave)
VCPU_CALL(set_xsave, KVM_SET_XSAVE, const struct kvm_xsave)
VCPU_CALL(get_xcrs, KVM_GET_XCRS, struct kvm_xcrs)
VCPU_CALL(set_xcrs, KVM_SET_XCRS, const struct kvm_xcrs)
VCPU_CALL(get_msrs, KVM_GET_MSRS, struct kvm_msrs)
VCPU_CALL(set_msrs, KVM_SET_MSRS, const struct kvm_msrs)
VCPU_CALL(set_cpuid2, KVM_SET_CPUID2, const struct kvm_cpuid2)
VCPU_CALL(get_cpuid2, KVM_GET_CPUID2, struct kvm_cpuid2)
VCPU_CALL(get_lapic, KVM_GET_LAPIC, struct kvm_lapic_state)
VCPU_CALL(set_lapic, KVM_SET_LAPIC, const struct kvm_lapic_state)
VCPU_CALL(get_vcpu_events, KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events)
VCPU_CALL(set_vcpu_events, KVM_SET_VCPU_EVENTS, const struct kvm_vcpu_events)
VCPU_CALL(get_mp_state, KVM_GET_MP_STATE, struct kvm_mp_state)
VCPU_CALL(set_mp_state, KVM_SET_MP_STATE, const struct kvm_mp_state)
VCPU_CALL(get_debugregs, KVM_GET_DEBUGREGS, struct kvm_debugregs)
VCPU_CALL(set_debugregs, KVM_SET_DEBUGREGS, const struct kvm_debugregs)
VCPU_CALL(set_guest_debug, KVM_SET_GUEST_DEBUG, const struct kvm_guest_debug)
VCPU_CALL(translate, KVM_TRANSLATE, struct kvm_translation)
VCPU_CALL_NONE(nmi, KVM_NMI)
VCPU_CALL_NONE(smi, KVM_SMI)
VCPU_CALL(tpr_access_reporting, KVM_TPR_ACCESS_REPORTING,
	  struct kvm_tpr_access_ctl)
VCPU_CALL_NONE(get_tsc_khz, KVM_GET_TSC_KHZ)
VCPU_CALL_NONE(kvmclock_ctrl, KVM_KVMCLOCK_CTRL)

/* EINTR is an answer here: somebody wants this thread's attention. */
static int vcpu_run(struct engine_vcpu *base)
{
	struct kvm_way_vcpu *vcpu = vcpu_of(base);

	assert(base->run);
	return ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

static int vcpu_interrupt(struct engine_vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt interrupt = {.irq = vector};

	return kvm_way_ioctl_at(vcpu_of(vcpu)->fd, KVM_INTERRUPT, &interrupt);
}

static int vcpu_set_signal_mask(struct engine_vcpu *vcpu, const u64 *mask)
{
	union {
		struct kvm_signal_mask head;
		u8 bytes[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_BYTES];
	} arg = {.head.len = KERNEL_SIGSET_BYTES};

	if (mask)
		memcpy(arg.head.sigset, mask, KERNEL_SIGSET_BYTES);
	return kvm_way_ioctl_at(vcpu_of(vcpu)->fd, KVM_SET_SIGNAL_MASK,
				mask ? &arg : NULL);
}

static int vcpu_set_vapic_addr(struct engine_vcpu *vcpu, u64 address)
{
	struct kvm_vapic_addr vapic = {.vapic_addr = address};

	return kvm_way_ioctl_at(vcpu_of(vcpu)->fd, KVM_SET_VAPIC_ADDR, &vapic);
}

static int vcpu_set_tsc_khz(struct engine_vcpu *vcpu, u32 khz)
{
	return kvm_way_ioctl(vcpu_of(vcpu)->fd, KVM_SET_TSC_KHZ, khz);
}

static int vcpu_x86_setup_mce(struct engine_vcpu *vcpu, u64 mcg_cap)
{
	return kvm_way_ioctl_at(vcpu_of(vcpu)->fd, KVM_X86_SETUP_MCE, &mcg_cap);
}

/* The kernel does not count for us. */
static u64 vcpu_instructions(struct engine_vcpu *base)
{
	(void)base;
	return 0;
}

static void *vcpu_mapped_page(struct engine_vcpu *base, u32 page)
{
	struct kvm_way_vcpu *vcpu = vcpu_of(base);

	if (page >= vcpu->mmap_bytes / KVM_RUN_PAGE_BYTES)
		return NULL;
	return (u8 *)base->run + (size_t)page * KVM_RUN_PAGE_BYTES;
}

static void vcpu_free(struct engine_vcpu *base)
{
	struct kvm_way_vcpu *vcpu;

	if (!base)
		return;
	vcpu = vcpu_of(base);
	if (base->run)
		(void)munmap(base->run, vcpu->mmap_bytes); /* cannot fail */
	fd_close(&vcpu->fd);
	free(vcpu);
}

static const struct engine_vcpu_ops vcpu_ops = {
	.free = vcpu_free,
	.run = vcpu_run,
	.enable_cap = vcpu_enable_cap,
	.get_regs = vcpu_get_regs,
	.set_regs = vcpu_set_regs,
	.get_sregs = vcpu_get_sregs,
	.set_sregs = vcpu_set_sregs,
	.get_sregs2 = vcpu_get_sregs2,
	.set_sregs2 = vcpu_set_sregs2,
	.get_fpu = vcpu_get_fpu,
	.set_fpu = vcpu_set_fpu,
	.get_xsave = vcpu_get_xsave,
	.set_xsave = vcpu_set_xsave,
	.get_xcrs = vcpu_get_xcrs,
	.set_xcrs = vcpu_set_xcrs,
	.get_msrs = vcpu_get_msrs,
	.set_msrs = vcpu_set_msrs,
	.set_cpuid2 = vcpu_set_cpuid2,
	.get_cpuid2 = vcpu_get_cpuid2,
	.get_lapic = vcpu_get_lapic,
	.set_lapic = vcpu_set_lapic,
	.get_vcpu_events = vcpu_get_vcpu_events,
	.set_vcpu_events = vcpu_set_vcpu_events,
	.get_mp_state = vcpu_get_mp_state,
	.set_mp_state = vcpu_set_mp_state,
	.get_debugregs = vcpu_get_debugregs,
	.set_debugregs = vcpu_set_debugregs,
	.set_guest_debug = vcpu_set_guest_debug,
	.translate = vcpu_translate,
	.interrupt = vcpu_interrupt,
	.nmi = vcpu_nmi,
	.smi = vcpu_smi,
	.set_signal_mask = vcpu_set_signal_mask,
	.tpr_access_reporting = vcpu_tpr_access_reporting,
	.set_vapic_addr = vcpu_set_vapic_addr,
	.set_tsc_khz = vcpu_set_tsc_khz,
	.get_tsc_khz = vcpu_get_tsc_khz,
	.kvmclock_ctrl = vcpu_kvmclock_ctrl,
	.x86_setup_mce = vcpu_x86_setup_mce,
	.instructions = vcpu_instructions,
	.mapped_page = vcpu_mapped_page,
};

int kvm_way_vcpu_create(int fd, size_t mmap_bytes, struct engine_vcpu **ret)
{
	struct kvm_way_vcpu *vcpu = calloc(1, sizeof(*vcpu));
	void *run;
	int err;

	assert(fd >= 0 && mmap_bytes >= sizeof(struct kvm_run));
	if (!vcpu) {
		fd_close(&fd);
		return trace_err(-ENOMEM);
	}
	vcpu->base.ops = &vcpu_ops;
	vcpu->fd = fd;
	vcpu->mmap_bytes = mmap_bytes;
	run = mmap(NULL, mmap_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED) {
		err = trace_err(-errno);
		vcpu_free(&vcpu->base);
		return err;
	}
	vcpu->base.run = run;
	*ret = &vcpu->base;
	return 0;
}
