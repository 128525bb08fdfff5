/* SPDX-License-Identifier: MIT */
/*
 * Events on their way into a vCPU, and its run state.
 * [KVM-API 4.31 "KVM_GET_VCPU_EVENTS", 4.38 "KVM_GET_MP_STATE"]
 */
#include <errno.h>
#include <string.h>

#include "engine/soft/soft.h"

static u8 shadow_get(const struct x86_cpu *cpu)
{
	u8 shadow = 0;

	if (cpu->shadow & SHADOW_STI)
		shadow |= KVM_X86_SHADOW_INT_STI;
	if (cpu->shadow & SHADOW_MOV_SS)
		shadow |= KVM_X86_SHADOW_INT_MOV_SS;
	return shadow;
}

int soft_get_vcpu_events(struct engine_vcpu *handle,
			 struct kvm_vcpu_events *events)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	const struct x86_cpu *cpu = &vcpu->cpu;

	memset(events, 0, sizeof(*events));
	mutex_lock(&vcpu->lock);
	if (vcpu->exception_queued) {
		events->exception.injected = 1;
		events->exception.nr = cpu->exception.vector;
		events->exception.has_error_code = cpu->exception.has_error;
		events->exception.error_code = cpu->exception.error;
	}
	if (vcpu->interrupt_queued || vcpu->extint >= 0) {
		events->interrupt.injected = 1;
		events->interrupt.nr = vcpu->interrupt_queued
					       ? vcpu->interrupt_vector
					       : (u8)vcpu->extint;
	}
	events->interrupt.shadow = shadow_get(cpu);
	events->nmi.pending =
		(u8)(vcpu->nmi_pending +
		     __atomic_load_n(&vcpu->nmi_queued, __ATOMIC_RELAXED));
	events->nmi.masked = cpu->nmi_blocked;
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			KVM_VCPUEVENT_VALID_SHADOW;
	mutex_unlock(&vcpu->lock);
	return 0;
}

static int events_check(const struct kvm_vcpu_events *events)
{
	u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING |
		    KVM_VCPUEVENT_VALID_SIPI_VECTOR |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;

	if (events->flags & ~known)
		return trace_err(-EINVAL);
	if (events->exception.injected &&
	    (events->exception.nr > 31 || events->exception.nr == VECTOR_NMI))
		return trace_err(-EINVAL);
	if ((events->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (events->smi.smm || events->smi.pending))
		return trace_err(-EINVAL); /* there is no SMM */
	return 0;
}

/* Of an instruction: it returns behind it. [KVM-API 4.31 "KVM_GET_VCPU_EVENTS"] */
static bool is_software(u8 vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF;
}

int soft_set_vcpu_events(struct engine_vcpu *handle,
			 const struct kvm_vcpu_events *events)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	struct x86_cpu *cpu = &vcpu->cpu;
	int err = events_check(events);

	if (err)
		return err;
	mutex_lock(&vcpu->lock);
	vcpu->exception_queued = events->exception.injected;
	if (events->exception.injected)
		cpu->exception = (struct x86_exception){
			.vector = events->exception.nr,
			.software = is_software(events->exception.nr),
			.has_error = events->exception.has_error_code,
			.error = events->exception.error_code,
			.payload = cpu->cr2};
	vcpu->interrupt_queued = events->interrupt.injected;
	vcpu->interrupt_vector = events->interrupt.nr;
	vcpu->extint = -1;
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		cpu->shadow = 0;
		if (events->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			cpu->shadow |= SHADOW_STI;
		if (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			cpu->shadow |= SHADOW_MOV_SS;
	}
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		__atomic_store_n(&vcpu->nmi_queued, 0, __ATOMIC_RELAXED);
		vcpu->nmi_pending = events->nmi.pending;
	}
	cpu->nmi_blocked = events->nmi.masked;
	if (events->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		vcpu->sipi_vector = (u8)events->sipi_vector;
	x86_mode_update(cpu);
	soft_request(vcpu, REQUEST_EVENT);
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_get_mp_state(struct engine_vcpu *handle, struct kvm_mp_state *state)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	mutex_lock(&vcpu->lock);
	state->mp_state = vcpu->mp_state;
	mutex_unlock(&vcpu->lock);
	return 0;
}

int soft_set_mp_state(struct engine_vcpu *handle,
		      const struct kvm_mp_state *state)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	u32 next = state->mp_state;

	if (next > KVM_MP_STATE_SIPI_RECEIVED ||
	    (!vcpu->has_lapic && next != KVM_MP_STATE_RUNNABLE))
		return trace_err(-EINVAL);
	mutex_lock(&vcpu->lock);
	if (next == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		soft_request(vcpu, REQUEST_SIPI);
	} else {
		vcpu->mp_state = next;
	}
	mutex_unlock(&vcpu->lock);
	return 0;
}

/* [KVM-API 4.17 "KVM_INTERRUPT"] */
int soft_interrupt(struct engine_vcpu *handle, u32 vector)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);
	int err = 0;

	if (vector > 255)
		return trace_err(-EINVAL);
	if (!vcpu->vm->irqchip) {
		mutex_lock(&vcpu->lock);
		vcpu->extint = (s16)vector;
		soft_request(vcpu, REQUEST_EVENT);
		mutex_unlock(&vcpu->lock);
		return 0;
	}
	if (!vcpu->vm->split)
		return trace_err(-ENXIO);
	mutex_lock(&vcpu->vm->irq_lock);
	err = irqchip_queue_extint(vcpu->vm->irqchip, vcpu->id, (u8)vector);
	mutex_unlock(&vcpu->vm->irq_lock);
	return err;
}

/* How many of them may wait is settled when the vCPU takes them. */
int soft_nmi(struct engine_vcpu *handle)
{
	struct soft_vcpu *vcpu = soft_vcpu(handle);

	__atomic_fetch_add(&vcpu->nmi_queued, 1, __ATOMIC_SEQ_CST);
	soft_request(vcpu, REQUEST_NMI);
	return 0;
}
