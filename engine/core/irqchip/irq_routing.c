/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/irq_routing.h"

#include <linux/errno.h>

#define PIC_CHIP_PINS 8

bool apic_msg_from_msi(struct apic_msg *ret_msg, u32 address_lo, u32 address_hi,
		       u32 data, bool ids_are_32bit)
{
	u32 dest = address_lo >> 12 & 0xff;

	if (ids_are_32bit) {
		if (address_hi & 0xff)
			return false;
		dest |= address_hi;
	}
	*ret_msg = (struct apic_msg){
		.dest = dest,
		.vector = (u8)data,
		.delivery = data >> 8 & 7,
		.logical = address_lo >> 2 & 1,
		.redirectable = address_lo >> 3 & 1,
		.level = data >> 15 & 1,
	};
	return true;
}

static int set_pin_route(struct irq_route *route,
			 const struct irq_routing_rules *rules,
			 const struct kvm_irq_routing_irqchip *pin)
{
	u32 pins = pin->irqchip == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS
						      : PIC_CHIP_PINS;

	if (!rules->has_pins || pin->irqchip >= KVM_NR_IRQCHIPS ||
	    pin->pin >= pins)
		return -EINVAL;
	route->chip = (u8)pin->irqchip;
	route->pin = (u8)pin->pin;
	return 0;
}

static int set_route(struct irq_route *route,
		     const struct irq_routing_rules *rules,
		     const struct kvm_irq_routing_entry *entry)
{
	*route = (struct irq_route){.next = IRQ_ROUTE_NONE};
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (entry->flags)
			return -EINVAL;
		return set_pin_route(route, rules, &entry->u.irqchip);
	case KVM_IRQ_ROUTING_MSI:
		route->is_msi = true;
		/* A device id means nothing here, but it is not an error. */
		if ((entry->flags & ~KVM_MSI_VALID_DEVID) ||
		    !apic_msg_from_msi(&route->msg, entry->u.msi.address_lo,
				       entry->u.msi.address_hi,
				       entry->u.msi.data, rules->ids_are_32bit))
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

/* A GSI may have one pin of each chip, or one message. */
static bool goes_with(const struct irq_route *a, const struct irq_route *b)
{
	return !a->is_msi && !b->is_msi && a->chip != b->chip;
}

static int link_route(struct irq_routing *routing, u32 index, u32 gsi)
{
	struct irq_route *route = &routing->route[index];
	u16 i = routing->first[gsi];

	for (; i != IRQ_ROUTE_NONE; i = routing->route[i].next)
		if (!goes_with(route, &routing->route[i]))
			return -EINVAL;
	route->next = routing->first[gsi];
	routing->first[gsi] = (u16)index;
	if (!route->is_msi)
		routing->gsi_of_pin[route->chip][route->pin] = (u16)gsi;
	return 0;
}

static void clear(struct irq_routing *routing)
{
	routing->count = 0;
	__builtin_memset(routing->first, 0xff, sizeof(routing->first));
	__builtin_memset(routing->gsi_of_pin, 0xff, sizeof(routing->gsi_of_pin));
	__builtin_memset(&routing->eoi_exit, 0, sizeof(routing->eoi_exit));
}

int irq_routing_build(struct irq_routing *routing,
		      const struct irq_routing_rules *rules,
		      const struct kvm_irq_routing_entry *entries, u32 count)
{
	if (count > IRQ_ROUTES_MAX)
		return -EINVAL;
	clear(routing);
	for (u32 i = 0; i < count; i++) {
		struct irq_route *route = &routing->route[i];
		u32 gsi = entries[i].gsi;

		if (gsi >= IRQ_ROUTES_MAX ||
		    set_route(route, rules, &entries[i]) ||
		    link_route(routing, i, gsi))
			return -EINVAL;
		if (route->is_msi && route->msg.level &&
		    gsi < rules->reserved_gsis)
			vector_set_add(&routing->eoi_exit, route->msg.vector);
	}
	routing->count = count;
	return 0;
}

static void add_pin(struct irq_routing *routing, u32 gsi, u32 chip, u32 pin)
{
	u32 index = routing->count++;
	int err;

	routing->route[index] = (struct irq_route){
		.next = IRQ_ROUTE_NONE,
		.chip = (u8)chip,
		.pin = (u8)pin,
	};
	err = link_route(routing, index, gsi);
	irqchip_assert(!err);
}

void irq_routing_build_default(struct irq_routing *routing)
{
	clear(routing);
	for (u32 gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		add_pin(routing, gsi, KVM_IRQCHIP_IOAPIC, gsi);
		if (gsi < PIC_CHIP_PINS)
			add_pin(routing, gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < 2 * PIC_CHIP_PINS)
			add_pin(routing, gsi, KVM_IRQCHIP_PIC_SLAVE,
				gsi - PIC_CHIP_PINS);
	}
	irqchip_assert(routing->count == IRQ_ROUTES_DEFAULT);
}
