/* SPDX-License-Identifier: MIT */
/*
 * GSI n is IRQ n of the ISA bus: it reaches both the 8259s and pin n of the
 * IOAPIC, but for the timer (0), which a PC wires to pin 2, where IRQ 2 (the
 * second 8259's own line) leaves room. GSIs 16 to 23 reach the IOAPIC only.
 */
#include "vmm/machine/irqchip.h"

#include <assert.h>
#include <stdlib.h>

#define TIMER_GSI     0
#define CASCADE_GSI   2
#define ISA_GSI_COUNT 16
#define ROUTE_MAX     (ISA_GSI_COUNT + IRQCHIP_IOAPIC_PINS)

static void add_route(struct kvm_irq_routing *routing, u32 gsi, u32 chip,
		      u32 pin)
{
	assert(routing->nr < ROUTE_MAX);
	routing->entries[routing->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

static int set_routes(struct engine_vm *vm)
{
	struct kvm_irq_routing *routing = calloc(
		1, sizeof(*routing) + ROUTE_MAX * sizeof(routing->entries[0]));
	int err;

	if (!routing)
		return trace_err(-ENOMEM);
	for (u32 gsi = 0; gsi < IRQCHIP_IOAPIC_PINS; gsi++) {
		if (gsi == CASCADE_GSI)
			continue;
		if (gsi < ISA_GSI_COUNT)
			add_route(routing, gsi,
				  gsi < 8 ? KVM_IRQCHIP_PIC_MASTER
					  : KVM_IRQCHIP_PIC_SLAVE,
				  gsi % 8);
		add_route(routing, gsi, KVM_IRQCHIP_IOAPIC,
			  gsi == TIMER_GSI ? 2 : gsi);
	}
	err = vm->ops->set_gsi_routing(vm, routing);
	free(routing);
	return err;
}

int irqchip_create(struct engine_vm *vm)
{
	/* The timer answers port 0x61, too. */
	const struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int err = vm->ops->create_irqchip(vm);

	if (!err)
		err = vm->ops->create_pit2(vm, &pit);
	if (!err)
		err = set_routes(vm);
	return err ? trace_err(err) : 0;
}

int irqchip_save(struct engine_vm *vm, struct irqchip_state *ret)
{
	int err = 0;

	*ret = (struct irqchip_state){};
	for (u32 i = 0; !err && i < IRQCHIP_COUNT; i++) {
		ret->chip[i].chip_id = i;
		err = vm->ops->get_irqchip(vm, &ret->chip[i]);
	}
	if (!err)
		err = vm->ops->get_pit2(vm, &ret->pit);
	return err ? trace_err(err) : 0;
}

int irqchip_load(struct engine_vm *vm, const struct irqchip_state *state)
{
	int err = 0;

	for (u32 i = 0; !err && i < IRQCHIP_COUNT; i++)
		err = vm->ops->set_irqchip(vm, &state->chip[i]);
	if (!err)
		err = vm->ops->set_pit2(vm, &state->pit);
	return err ? trace_err(err) : 0;
}
