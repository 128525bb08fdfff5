/* SPDX-License-Identifier: MIT */
/*
 * The GSI routing table: which chip pins or MSI message each GSI stands for.
 * [KVM-API 4.52 "KVM_SET_GSI_ROUTING"]
 *
 * A table is built aside, in the caller's memory and without a lock, is
 * constant from then on, and is put in force by irqchip_set_routing().
 */
#ifndef ENGINE_CORE_IRQCHIP_IRQ_ROUTING_H
#define ENGINE_CORE_IRQCHIP_IRQ_ROUTING_H

#include <linux/kvm.h>

#include "engine/core/irqchip/apic_msg.h"
#include "engine/core/irqchip/ioapic/ioapic.h"
#include "engine/core/irqchip/vector_set.h"
#include "engine/core/types.h"

/* Both the number of routes and of GSIs. */
#define IRQ_ROUTES_MAX 4096
#define IRQ_ROUTE_NONE 0xffff

/* What the VM's set-up lets a table say. */
struct irq_routing_rules {
	bool has_pins;	    /* full irqchip: pins exist to be routed to */
	bool ids_are_32bit; /* KVM_X2APIC_API_USE_32BIT_IDS */
	u32 reserved_gsis;  /* split: MSI routes below stand for the client's
				I/O APIC pins */
};

struct irq_route {
	u16 next; /* of the same GSI; IRQ_ROUTE_NONE ends */
	u8 is_msi;
	u8 chip; /* KVM_IRQCHIP_x, and the pin of that chip */
	u8 pin;
	struct apic_msg msg;
};

struct irq_routing {
	u32 count;
	u16 first[IRQ_ROUTES_MAX];		      /* by GSI */
	u16 gsi_of_pin[KVM_NR_IRQCHIPS][IOAPIC_PINS]; /* or IRQ_ROUTE_NONE */
	/* Vectors whose EOI the client's I/O APIC waits for. */
	struct vector_set eoi_exit;
	struct irq_route route[];
};

static inline size_t irq_routing_bytes(u32 count)
{
	return sizeof(struct irq_routing) + count * sizeof(struct irq_route);
}

/*
 * Builds a table of `count` entries (checked against IRQ_ROUTES_MAX before
 * anything is written) in irq_routing_bytes(count) bytes.
 * -EINVAL: too many; a GSI out of range; flags; a type other than IRQCHIP and
 * MSI; a chip or pin that is not there; one GSI twice to the same chip, or to
 * an MSI and something else; reserved address bits with 32-bit ids. The table
 * must not be used then.
 */
int must_check irq_routing_build(struct irq_routing *routing,
				 const struct irq_routing_rules *rules,
				 const struct kvm_irq_routing_entry *entries,
				 u32 count);

/* KVM's table at KVM_CREATE_IRQCHIP: GSI 0..15 to PIC and I/O APIC pin alike,
 * 16..23 to the I/O APIC. Needs irq_routing_bytes(IRQ_ROUTES_DEFAULT). */
#define IRQ_ROUTES_DEFAULT (16 + IOAPIC_PINS)
void irq_routing_build_default(struct irq_routing *routing);

/*
 * Decodes an MSI write. False: reserved address bits are set, which matters
 * with 32-bit ids only. [SDM3 11.11 "Message Signalled Interrupts"]
 */
bool apic_msg_from_msi(struct apic_msg *ret_msg, u32 address_lo, u32 address_hi,
		       u32 data, bool ids_are_32bit);

#endif
