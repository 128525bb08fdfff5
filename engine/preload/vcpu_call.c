/* SPDX-License-Identifier: MIT */
/* ioctl on a vCPU's descriptor. [KVM-API 4], type "vcpu ioctl" */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "engine/preload/call.h"

#define CPUIDS_MAX   256 /* the kernel's KVM_MAX_CPUID_ENTRIES */
#define SIGSET_BYTES 8	 /* the kernel's */

static struct engine_vcpu *vcpu_of(const struct call *call)
{
	return call->file->vcpu->engine;
}

/* vcpu_<name>: a call whose argument is a struct of this type, */
#define VCPU_CALL(name, type)                                 \
	static int vcpu_##name(struct call *call, void *data) \
	{                                                     \
		struct engine_vcpu *vcpu = vcpu_of(call);     \
		type *argument = data;                        \
                                                              \
		return vcpu->ops->name(vcpu, argument);       \
	}
/* or nothing. */
#define VCPU_CALL_NONE(name)                                  \
	static int vcpu_##name(struct call *call, void *data) \
	{                                                     \
		struct engine_vcpu *vcpu = vcpu_of(call);     \
                                                              \
		(void)data;                                   \
		return vcpu->ops->name(vcpu);                 \
	}

VCPU_CALL(enable_cap, const struct kvm_enable_cap)
VCPU_CALL(get_regs, struct kvm_regs)
VCPU_CALL(set_regs, const struct kvm_regs)
VCPU_CALL(get_sregs, struct kvm_sregs)
VCPU_CALL(set_sregs, const struct kvm_sregs)
VCPU_CALL(get_sregs2, struct kvm_sregs2)
VCPU_CALL(set_sregs2, const struct kvm_sregs2)
VCPU_CALL(get_fpu, struct kvm_fpu)
VCPU_CALL(set_fpu, const struct kvm_fpu)
VCPU_CALL(get_xsave, struct kvm_xsave)
VCPU_CALL(set_xsave, const struct kvm_xsave)
VCPU_CALL(get_xcrs, struct kvm_xcrs)
VCPU_CALL(set_xcrs, const struct kvm_xcrs)
VCPU_CALL(get_lapic, struct kvm_lapic_state)
VCPU_CALL(set_lapic, const struct kvm_lapic_state)
VCPU_CALL(get_vcpu_events, struct kvm_vcpu_events)
VCPU_CALL(set_vcpu_events, const struct kvm_vcpu_events)
VCPU_CALL(get_mp_state, struct kvm_mp_state)
VCPU_CALL(set_mp_state, const struct kvm_mp_state)
VCPU_CALL(get_debugregs, struct kvm_debugregs)
VCPU_CALL(set_debugregs, const struct kvm_debugregs)
VCPU_CALL(set_guest_debug, const struct kvm_guest_debug)
VCPU_CALL(translate, struct kvm_translation)
VCPU_CALL_NONE(nmi)
VCPU_CALL_NONE(smi)
VCPU_CALL(tpr_access_reporting, struct kvm_tpr_access_ctl)
VCPU_CALL_NONE(get_tsc_khz)
VCPU_CALL_NONE(kvmclock_ctrl)

/* --- running --- */

/*
 * The thread's signals are held back already, so the engine is told which of
 * them would end a KVM_RUN: those that KVM_SET_SIGNAL_MASK lets through, or
 * else the thread itself.
 */
static int run_locked(struct preload_vcpu *vcpu, u64 client_mask)
{
	const struct engine_vcpu_ops *ops = vcpu->engine->ops;
	bool own = __atomic_load_n(&vcpu->mask_set, __ATOMIC_ACQUIRE);
	u64 mask = own ? __atomic_load_n(&vcpu->mask, __ATOMIC_RELAXED)
		       : client_mask;
	int rc = 0;

	if (!vcpu->engine_told || vcpu->engine_mask != mask)
		rc = ops->set_signal_mask(vcpu->engine, &mask);
	if (rc)
		return rc;
	vcpu->engine_told = true;
	vcpu->engine_mask = mask;
	return ops->run(vcpu->engine);
}

static int vcpu_run(struct call *call, void *data)
{
	struct preload_vcpu *vcpu = call->file->vcpu;
	int rc;

	(void)data;
	if (call->arg)
		return -EINVAL;
	mutex_lock(&vcpu->run_lock);
	rc = run_locked(vcpu, call->client_mask);
	mutex_unlock(&vcpu->run_lock);
	return rc;
}

static int vcpu_set_signal_mask(struct call *call, void *data)
{
	struct preload_vcpu *vcpu = call->file->vcpu;
	struct kvm_signal_mask head;
	u64 mask;

	(void)data;
	if (!call->arg) {
		__atomic_store_n(&vcpu->mask_set, false, __ATOMIC_RELEASE);
		return 0;
	}
	if (user_read(&head, call->arg, sizeof(head)))
		return -EFAULT;
	if (head.len != SIGSET_BYTES)
		return -EINVAL;
	if (user_read(&mask, call->arg + sizeof(head), sizeof(mask)))
		return -EFAULT;
	mask &= ~(BIT(SIGKILL - 1) | BIT(SIGSTOP - 1));
	__atomic_store_n(&vcpu->mask, mask, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->mask_set, true, __ATOMIC_RELEASE);
	return 0;
}

/* --- calls whose argument is a number behind a pointer --- */

static int vcpu_interrupt(struct call *call, void *data)
{
	const struct kvm_interrupt *interrupt = data;

	return vcpu_of(call)->ops->interrupt(vcpu_of(call), interrupt->irq);
}

/*
 * Clients say "none" at each reset without asking for KVM_CAP_VAPIC, and take a
 * refusal for the end: with a LAPIC the kernel refuses no address. None is what
 * an engine has that offers no page.
 */
static int vcpu_set_vapic_addr(struct call *call, void *data)
{
	const struct kvm_vapic_addr *vapic = data;
	struct engine_vcpu *vcpu = vcpu_of(call);
	struct kvm_lapic_state lapic;
	int rc = vcpu->ops->set_vapic_addr(vcpu, vapic->vapic_addr);

	if (rc < 0 && !vapic->vapic_addr)
		rc = vcpu->ops->get_lapic(vcpu, &lapic);
	return rc;
}

static int vcpu_x86_setup_mce(struct call *call, void *data)
{
	u64 mcg_cap;

	memcpy(&mcg_cap, data, sizeof(mcg_cap));
	return vcpu_of(call)->ops->x86_setup_mce(vcpu_of(call), mcg_cap);
}

static int vcpu_set_tsc_khz(struct call *call, void *data)
{
	(void)data;
	return vcpu_of(call)->ops->set_tsc_khz(vcpu_of(call), (u32)call->arg);
}

/* --- MSRs, CPUID --- */

static int msrs_get(struct call *call, struct kvm_msrs *msrs)
{
	return vcpu_of(call)->ops->get_msrs(vcpu_of(call), msrs);
}

static int msrs_set(struct call *call, struct kvm_msrs *msrs)
{
	return vcpu_of(call)->ops->set_msrs(vcpu_of(call), msrs);
}

static int vcpu_get_msrs(struct call *call, void *data)
{
	(void)data;
	return call_msrs(call, true, msrs_get);
}

static int vcpu_set_msrs(struct call *call, void *data)
{
	(void)data;
	return call_msrs(call, false, msrs_set);
}

static int vcpu_set_cpuid2(struct call *call, void *data)
{
	const struct kvm_cpuid2 *head = data;
	struct call_tail tail = {.head = sizeof(*head),
				 .entry = sizeof(head->entries[0]),
				 .count = head->nent};
	struct kvm_cpuid2 *cpuid;
	void *copy = NULL;
	int rc;

	if (head->nent > CPUIDS_MAX)
		return -E2BIG;
	rc = call_copy_tail(call, &tail, true, &copy);
	if (rc)
		return rc;
	cpuid = copy;
	cpuid->nent = tail.count; /* it may have been changed since */
	rc = vcpu_of(call)->ops->set_cpuid2(vcpu_of(call), cpuid);
	free(copy);
	return rc;
}

/* The call of before KVM_SET_CPUID2: leaves without subleaves. */
static int vcpu_set_cpuid(struct call *call, void *data)
{
	const struct kvm_cpuid *head = data;
	struct call_tail tail = {.head = sizeof(*head),
				 .entry = sizeof(head->entries[0]),
				 .count = head->nent};
	const struct kvm_cpuid *old;
	struct kvm_cpuid2 *cpuid;
	void *copy = NULL;
	int rc;

	if (head->nent > CPUIDS_MAX)
		return -E2BIG;
	rc = call_copy_tail(call, &tail, true, &copy);
	if (rc)
		return rc;
	old = copy;
	cpuid = calloc(1,
		       sizeof(*cpuid) + tail.count * sizeof(cpuid->entries[0]));
	rc = cpuid ? 0 : trace_err(-ENOMEM);
	for (u32 i = 0; cpuid && i < tail.count; i++)
		cpuid->entries[i] = (struct kvm_cpuid_entry2){
			.function = old->entries[i].function,
			.eax = old->entries[i].eax,
			.ebx = old->entries[i].ebx,
			.ecx = old->entries[i].ecx,
			.edx = old->entries[i].edx,
		};
	if (cpuid) {
		cpuid->nent = tail.count;
		rc = vcpu_of(call)->ops->set_cpuid2(vcpu_of(call), cpuid);
	}
	free(cpuid);
	free(copy);
	return rc;
}

static int vcpu_get_cpuid2(struct call *call, void *data)
{
	struct kvm_cpuid2 *head = data, *cpuid;
	struct call_tail tail = {.head = sizeof(*head),
				 .entry = sizeof(head->entries[0]),
				 .count = MIN(head->nent, (u32)CPUIDS_MAX)};
	void *copy = NULL;
	int rc = call_copy_tail(call, &tail, false, &copy);

	if (rc)
		return rc;
	cpuid = copy;
	cpuid->nent = tail.count;
	rc = vcpu_of(call)->ops->get_cpuid2(vcpu_of(call), cpuid);
	head->nent = cpuid->nent;
	if (rc >= 0 && user_write(call->arg + tail.head, cpuid->entries,
				  tail.entry * cpuid->nent))
		rc = -EFAULT;
	free(copy);
	return rc;
}

const struct call_row vcpu_rows[] = {
	{KVM_RUN, CALL_VALUE, vcpu_run},
	{KVM_GET_REGS, CALL_OUT, vcpu_get_regs},
	{KVM_SET_REGS, CALL_IN, vcpu_set_regs},
	{KVM_GET_SREGS, CALL_OUT, vcpu_get_sregs},
	{KVM_SET_SREGS, CALL_IN, vcpu_set_sregs},
	{KVM_GET_SREGS2, CALL_OUT, vcpu_get_sregs2},
	{KVM_SET_SREGS2, CALL_IN, vcpu_set_sregs2},
	{KVM_GET_MSRS, CALL_VALUE, vcpu_get_msrs},
	{KVM_SET_MSRS, CALL_VALUE, vcpu_set_msrs},
	{KVM_INTERRUPT, CALL_IN, vcpu_interrupt},
	{KVM_NMI, CALL_VALUE, vcpu_nmi},
	{KVM_SMI, CALL_VALUE, vcpu_smi},
	{KVM_SET_SIGNAL_MASK, CALL_VALUE, vcpu_set_signal_mask},
	{KVM_ENABLE_CAP, CALL_IN, vcpu_enable_cap},
	{KVM_GET_FPU, CALL_OUT, vcpu_get_fpu},
	{KVM_SET_FPU, CALL_IN, vcpu_set_fpu},
	{KVM_GET_XSAVE, CALL_OUT, vcpu_get_xsave},
	{KVM_SET_XSAVE, CALL_IN, vcpu_set_xsave},
	{KVM_GET_XCRS, CALL_OUT, vcpu_get_xcrs},
	{KVM_SET_XCRS, CALL_IN, vcpu_set_xcrs},
	{KVM_SET_CPUID, CALL_IN, vcpu_set_cpuid},
	{KVM_SET_CPUID2, CALL_IN, vcpu_set_cpuid2},
	{KVM_GET_CPUID2, CALL_INOUT, vcpu_get_cpuid2},
	{KVM_GET_LAPIC, CALL_OUT, vcpu_get_lapic},
	{KVM_SET_LAPIC, CALL_IN, vcpu_set_lapic},
	{KVM_GET_VCPU_EVENTS, CALL_OUT, vcpu_get_vcpu_events},
	{KVM_SET_VCPU_EVENTS, CALL_IN, vcpu_set_vcpu_events},
	{KVM_GET_MP_STATE, CALL_OUT, vcpu_get_mp_state},
	{KVM_SET_MP_STATE, CALL_IN, vcpu_set_mp_state},
	{KVM_GET_DEBUGREGS, CALL_OUT, vcpu_get_debugregs},
	{KVM_SET_DEBUGREGS, CALL_IN, vcpu_set_debugregs},
	{KVM_SET_GUEST_DEBUG, CALL_IN, vcpu_set_guest_debug},
	{KVM_TRANSLATE, CALL_INOUT, vcpu_translate},
	{KVM_TPR_ACCESS_REPORTING, CALL_INOUT, vcpu_tpr_access_reporting},
	{KVM_SET_VAPIC_ADDR, CALL_IN, vcpu_set_vapic_addr},
	{KVM_SET_TSC_KHZ, CALL_VALUE, vcpu_set_tsc_khz},
	{KVM_GET_TSC_KHZ, CALL_VALUE, vcpu_get_tsc_khz},
	{KVM_KVMCLOCK_CTRL, CALL_VALUE, vcpu_kvmclock_ctrl},
	{KVM_X86_SETUP_MCE, CALL_IN, vcpu_x86_setup_mce},
};
const u32 vcpu_row_count = ARRAY_SIZE(vcpu_rows);
