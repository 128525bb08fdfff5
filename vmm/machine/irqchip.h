/* SPDX-License-Identifier: MIT */
/* The engine's interrupt controllers and interval timer, as a PC wires them. */
#ifndef VMM_MACHINE_IRQCHIP_H
#define VMM_MACHINE_IRQCHIP_H

#include "engine/engine.h"

#define IRQCHIP_COUNT	    3 /* the two 8259s and the IOAPIC */
#define IRQCHIP_IOAPIC_PINS 24

struct irqchip_state {
	struct kvm_irqchip chip[IRQCHIP_COUNT];
	struct kvm_pit_state2 pit;
};

/* All three: -errno of the engine. Create comes before any vCPU. */
must_check int irqchip_create(struct engine_vm *vm);
must_check int irqchip_save(struct engine_vm *vm, struct irqchip_state *ret);
must_check int irqchip_load(struct engine_vm *vm,
			    const struct irqchip_state *state);

#endif
