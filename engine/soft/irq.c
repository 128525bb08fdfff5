/* SPDX-License-Identifier: MIT */
/*
 * The VM's interrupt controllers: core's models, their lock and their routes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/soft/soft.h"

static u64 irq_now(void *ctx)
{
	(void)ctx;
	return clock_now_ns();
}

static struct soft_vcpu *vcpu_at(void *ctx, u32 id)
{
	struct soft_vm *vm = ctx;

	return vm->vcpu[id];
}

static u64 irq_guest_tsc(void *ctx, u32 vcpu)
{
	return soft_guest_tsc(vcpu_at(ctx, vcpu));
}

static u64 irq_tsc_to_ns(void *ctx, u32 vcpu, u64 tsc)
{
	return soft_tsc_to_ns(vcpu_at(ctx, vcpu), tsc);
}

static void irq_kick(void *ctx, u32 vcpu)
{
	soft_request(vcpu_at(ctx, vcpu), REQUEST_EVENT);
}

static void irq_event(void *ctx, u32 id, enum lapic_event event, u8 vector)
{
	struct soft_vcpu *vcpu = vcpu_at(ctx, id);

	switch (event) {
	case LAPIC_EVENT_NMI:
		(void)soft_nmi(&vcpu->vcpu); /* cannot fail */
		break;
	case LAPIC_EVENT_INIT:
		soft_request(vcpu, REQUEST_INIT);
		break;
	case LAPIC_EVENT_SIPI:
		__atomic_store_n(&vcpu->sipi_vector, vector, __ATOMIC_RELAXED);
		soft_request(vcpu, REQUEST_SIPI);
		break;
	case LAPIC_EVENT_SMI: /* no SMM: see docs/decisions */
		break;
	}
}

static void irq_eoi_exit(void *ctx, u32 id, u8 vector)
{
	struct soft_vcpu *vcpu = vcpu_at(ctx, id);

	vector_set_add(&vcpu->eoi_due, vector);
	soft_request(vcpu, REQUEST_EOI_EXIT);
}

static void irq_acked(void *ctx, u32 gsi)
{
	soft_irqfd_acked(ctx, gsi);
}

/* A sleeping vCPU computes its wait anew; a running one looks soon enough. */
static void irq_timer_changed(void *ctx, u32 id)
{
	struct soft_vm *vm = ctx;

	if (id != IRQCHIP_PIT) {
		soft_request(vm->vcpu[id], REQUEST_POLL);
		return;
	}
	for (u32 i = 0; i < SOFT_VCPUS_MAX; i++)
		if (vm->vcpu[i]) {
			soft_request(vm->vcpu[i], REQUEST_POLL);
			return;
		}
}

static const struct irqchip_ops irq_ops = {
	.now_ns = irq_now,
	.guest_tsc = irq_guest_tsc,
	.tsc_to_ns = irq_tsc_to_ns,
	.vcpu_kick = irq_kick,
	.vcpu_event = irq_event,
	.eoi_exit = irq_eoi_exit,
	.gsi_acked = irq_acked,
	.timer_changed = irq_timer_changed,
};

static int irqchip_make(struct soft_vm *vm, bool split)
{
	struct irqchip *chip = calloc(1, sizeof(*chip));
	struct irq_routing *routing =
		calloc(1, irq_routing_bytes(IRQ_ROUTES_DEFAULT));
	struct irq_routing_rules rules = {.has_pins = !split,
					  .ids_are_32bit = vm->ids_32bit,
					  .reserved_gsis = vm->split_reserved};

	if (!chip || !routing) {
		free(chip);
		free(routing);
		return trace_err(-ENOMEM);
	}
	if (!split) {
		irq_routing_build_default(routing);
	} else if (irq_routing_build(routing, &rules, NULL, 0)) {
		free(chip);
		free(routing);
		return trace_err(-EINVAL);
	}
	irqchip_init(chip, &irq_ops, vm, split, routing);
	chip->bus.ids_are_32bit = vm->ids_32bit;
	chip->bus.broadcast_quirk = !vm->no_broadcast_quirk;
	vm->routing = routing;
	vm->split = split;
	vm->irqchip = chip;
	return 0;
}

int soft_create_irqchip(struct engine_vm *handle)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->lock);
	if (vm->irqchip)
		err = trace_err(-EEXIST);
	else if (vm->vcpu_count)
		err = trace_err(-EINVAL);
	else
		err = irqchip_make(vm, false);
	mutex_unlock(&vm->lock);
	return err;
}

/* vm.lock held. [KVM-API 7.5 "KVM_CAP_SPLIT_IRQCHIP"] */
int soft_create_split(struct soft_vm *vm, u32 pins)
{
	if (pins > IOAPIC_PINS * 8)
		return trace_err(-EINVAL);
	if (vm->irqchip)
		return trace_err(-EEXIST);
	if (vm->vcpu_count)
		return trace_err(-EEXIST);
	vm->split_reserved = pins;
	return irqchip_make(vm, true);
}

void soft_irq_release(struct soft_vm *vm)
{
	free(vm->irqchip);
	free((void *)(uintptr_t)vm->routing);
}

void soft_lapic_attach(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->vm;

	mutex_lock(&vm->irq_lock);
	irqchip_add_vcpu(vm->irqchip, &vcpu->lapic, vcpu->id,
			 vcpu->id == vm->boot_cpu_id);
	mutex_unlock(&vm->irq_lock);
	vcpu->has_lapic = true;
	vcpu->cpu.msr.apic_base = vcpu->lapic.base;
}

void soft_lapic_detach(struct soft_vcpu *vcpu)
{
	if (!vcpu->has_lapic)
		return;
	mutex_lock(&vcpu->vm->irq_lock);
	irqchip_remove_vcpu(vcpu->vm->irqchip, vcpu->id);
	mutex_unlock(&vcpu->vm->irq_lock);
	vcpu->has_lapic = false;
}

/* The calls below want a full irqchip, some with a PIT. */
static int need_full(const struct soft_vm *vm, bool pit)
{
	if (!vm->irqchip || vm->split || (pit && !vm->irqchip->has_pit))
		return trace_err(-ENXIO);
	return 0;
}

int soft_get_irqchip(struct engine_vm *handle, struct kvm_irqchip *chip)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->irq_lock);
	err = need_full(vm, false);
	if (!err)
		err = irqchip_get_state(vm->irqchip, chip);
	mutex_unlock(&vm->irq_lock);
	return err;
}

int soft_set_irqchip(struct engine_vm *handle, const struct kvm_irqchip *chip)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->irq_lock);
	err = need_full(vm, false);
	if (!err)
		err = irqchip_set_state(vm->irqchip, chip);
	mutex_unlock(&vm->irq_lock);
	return err;
}

int soft_create_pit2(struct engine_vm *handle,
		     const struct kvm_pit_config *config)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	if (config->flags & ~(u32)KVM_PIT_SPEAKER_DUMMY)
		return trace_err(-EINVAL);
	mutex_lock(&vm->lock);
	mutex_lock(&vm->irq_lock);
	if (vm->irqchip && vm->irqchip->has_pit)
		err = trace_err(-EEXIST);
	else if (!vm->irqchip || vm->split)
		err = trace_err(-ENOENT);
	else
		err = irqchip_create_pit(vm->irqchip,
					 config->flags & KVM_PIT_SPEAKER_DUMMY);
	mutex_unlock(&vm->irq_lock);
	mutex_unlock(&vm->lock);
	return err;
}

int soft_get_pit2(struct engine_vm *handle, struct kvm_pit_state2 *state)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->irq_lock);
	err = need_full(vm, true);
	if (!err)
		pit_get_state(&vm->irqchip->pit, state);
	mutex_unlock(&vm->irq_lock);
	return err;
}

int soft_set_pit2(struct engine_vm *handle, const struct kvm_pit_state2 *state)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->irq_lock);
	err = need_full(vm, true);
	if (!err)
		pit_set_state(&vm->irqchip->pit, state);
	mutex_unlock(&vm->irq_lock);
	return err;
}

int soft_reinject_control(struct engine_vm *handle,
			  const struct kvm_reinject_control *control)
{
	struct soft_vm *vm = soft_vm(handle);
	int err;

	mutex_lock(&vm->irq_lock);
	err = need_full(vm, true);
	if (!err)
		pit_set_reinject(&vm->irqchip->pit, control->pit_reinject);
	mutex_unlock(&vm->irq_lock);
	return err;
}

int soft_set_gsi_routing(struct engine_vm *handle,
			 const struct kvm_irq_routing *routing)
{
	struct soft_vm *vm = soft_vm(handle);
	struct irq_routing_rules rules;
	struct irq_routing *table;
	const struct irq_routing *old;
	int err;

	if (!vm->irqchip || routing->nr > IRQ_ROUTES_MAX || routing->flags)
		return trace_err(-EINVAL);
	table = calloc(1, irq_routing_bytes(routing->nr));
	if (!table)
		return trace_err(-ENOMEM);
	rules = (struct irq_routing_rules){.has_pins = !vm->split,
					   .ids_are_32bit = vm->ids_32bit,
					   .reserved_gsis = vm->split_reserved};
	err = irq_routing_build(table, &rules, routing->entries, routing->nr);
	if (err) {
		free(table);
		return err;
	}
	mutex_lock(&vm->irq_lock);
	old = irqchip_set_routing(vm->irqchip, table);
	vm->routing = table;
	mutex_unlock(&vm->irq_lock);
	free((void *)(uintptr_t)old);
	return 0;
}

/* What KVM_IRQ_LINE_STATUS reports. */
static int line_set(struct soft_vm *vm, u32 gsi, bool level, bool want_status)
{
	int status;

	if (gsi >= IRQ_ROUTES_MAX)
		return -1; /* routed nowhere */
	mutex_lock(&vm->irq_lock);
	status = irqchip_set_gsi(vm->irqchip, IRQ_SOURCE_CLIENT, gsi, level,
				 want_status);
	mutex_unlock(&vm->irq_lock);
	return status;
}

int soft_irq_line(struct engine_vm *handle, const struct kvm_irq_level *level)
{
	struct soft_vm *vm = soft_vm(handle);

	if (!vm->irqchip)
		return trace_err(-ENXIO);
	(void)line_set(vm, level->irq, level->level, false); /* not asked for */
	return 0;
}

int soft_irq_line_status(struct engine_vm *handle, struct kvm_irq_level *level)
{
	struct soft_vm *vm = soft_vm(handle);

	if (!vm->irqchip)
		return trace_err(-ENXIO);
	level->status = line_set(vm, level->irq, level->level, true);
	return 0;
}

int soft_signal_msi(struct engine_vm *handle, const struct kvm_msi *msi)
{
	struct soft_vm *vm = soft_vm(handle);
	int status;

	if (!vm->irqchip)
		return trace_err(-EINVAL);
	mutex_lock(&vm->irq_lock);
	status = irqchip_signal_msi(vm->irqchip, msi);
	mutex_unlock(&vm->irq_lock);
	return status;
}
