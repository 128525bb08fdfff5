/* SPDX-License-Identifier: MIT */
/*
 * Who a message is for, and IPIs.
 * [SDM3 11.6.2 "Determining IPI Destination"]
 * [SDM3 11.12.10 "Determining IPI Destination in x2APIC Mode"]
 */
#include "engine/core/irqchip/lapic/lapic_internal.h"

void lapic_bus_init(struct lapic_bus *bus, const struct lapic_ops *ops,
		    void *ctx)
{
	__builtin_memset(bus, 0, sizeof(*bus));
	bus->ops = ops;
	bus->ctx = ctx;
	bus->bus_cycle_ns = 1;
	bus->broadcast_quirk = true;
}

/* The logical x2APIC id is a function of the id: cluster of 16, and one bit
 * in it. [SDM3 11.12.10.2 "Deriving Logical x2APIC ID from the Local x2APIC
 * ID"] */
u32 lapic_x2apic_ldr(u32 id)
{
	return id >> 4 << 16 | 1u << (id & 15);
}

/* A device writes 8-bit ids, and its 0xff cannot mean x2APIC's 0xffffffff:
 * by KVM's quirk it does. */
static bool is_broadcast(const struct lapic *lapic, u32 dest, bool from_device)
{
	if (!lapic_is_x2apic(lapic))
		return dest == XAPIC_BROADCAST;
	return dest == X2APIC_BROADCAST ||
	       (dest == XAPIC_BROADCAST && from_device &&
		lapic->bus->broadcast_quirk);
}

/* A LAPIC in xAPIC mode answers to its x2APIC id also, where that cannot be
 * an xAPIC id: so vCPUs above 255 can be woken by SIPI, as in KVM. */
static bool matches_physical(const struct lapic *lapic, u32 dest)
{
	if (lapic_is_x2apic(lapic) || dest > XAPIC_BROADCAST)
		return dest == lapic->vcpu;
	return dest == lapic->id;
}

static bool matches_logical(const struct lapic *lapic, u32 dest)
{
	u32 id = lapic->ldr >> 24;

	if (lapic_is_x2apic(lapic))
		return lapic->ldr >> 16 == dest >> 16 &&
		       (lapic->ldr & dest & 0xffff);
	switch (lapic->dfr >> 28) {
	case DFR_FLAT:
		return id & dest;
	case DFR_CLUSTER:
		return id >> 4 == dest >> 4 && (id & dest & 0xf);
	default:
		return false; /* no model at all */
	}
}

static bool is_target(const struct lapic *lapic, const struct apic_msg *msg,
		      const struct lapic *source, enum apic_shorthand shorthand)
{
	if (!lapic || !lapic_is_enabled(lapic))
		return false;
	switch (shorthand) {
	case APIC_TO_SELF:
		return lapic == source;
	case APIC_TO_ALL:
		return true;
	case APIC_TO_OTHERS:
		return lapic != source;
	case APIC_TO_DEST:
		break;
	}
	if (is_broadcast(lapic, msg->dest, !source))
		return true;
	return msg->logical ? matches_logical(lapic, msg->dest)
			    : matches_physical(lapic, msg->dest);
}

/*
 * The range of vCPU ids in which the message's targets are. Nearly every
 * message names one LAPIC by physical id: then that id is the vCPU's, unless
 * a guest renumbered xAPICs or there are so many that 8 bits do not tell.
 */
struct id_range {
	u32 first, end;
};

static struct id_range candidates(const struct lapic_bus *bus,
				  const struct apic_msg *msg,
				  const struct lapic *source,
				  enum apic_shorthand shorthand)
{
	struct id_range all = {0, bus->count};

	if (shorthand == APIC_TO_SELF)
		return (struct id_range){source->vcpu, source->vcpu + 1};
	if (shorthand != APIC_TO_DEST || msg->logical || bus->ids_are_moved ||
	    bus->count > XAPIC_BROADCAST || msg->dest >= XAPIC_BROADCAST)
		return all;
	if (msg->dest >= bus->count)
		return (struct id_range){0, 0};
	return (struct id_range){msg->dest, msg->dest + 1};
}

/*
 * Lowest priority goes to the CPU that does the least urgent work; among
 * equals, to the one that has been asked least often.
 * [SDM3 11.6.2.4 "Lowest Priority Delivery Mode"]
 */
static bool is_better(struct lapic *a, struct lapic *b)
{
	u32 priority_a = lapic_reg_read(a, LAPIC_PPR) >> 4;
	u32 priority_b = lapic_reg_read(b, LAPIC_PPR) >> 4;

	if (priority_a != priority_b)
		return priority_a < priority_b;
	return (s32)(a->lowest_count - b->lowest_count) < 0;
}

static int send_to_one(struct lapic_bus *bus, const struct apic_msg *msg,
		       struct lapic *source, enum apic_shorthand shorthand)
{
	struct id_range range = candidates(bus, msg, source, shorthand);
	struct lapic *best = NULL;

	for (u32 i = range.first; i < range.end; i++) {
		struct lapic *lapic = bus->lapic[i];

		if (is_target(lapic, msg, source, shorthand) &&
		    lapic_is_software_enabled(lapic) &&
		    (!best || is_better(lapic, best)))
			best = lapic;
	}
	if (!best)
		return -1;
	best->lowest_count++;
	return lapic_receive(best, msg);
}

static int send_to_all(struct lapic_bus *bus, const struct apic_msg *msg,
		       struct lapic *source, enum apic_shorthand shorthand)
{
	struct id_range range = candidates(bus, msg, source, shorthand);
	int taken = -1;

	for (u32 i = range.first; i < range.end; i++) {
		struct lapic *lapic = bus->lapic[i];

		if (!is_target(lapic, msg, source, shorthand))
			continue;
		taken = MAX(taken, 0) + lapic_receive(lapic, msg);
	}
	return taken;
}

int lapic_bus_send(struct lapic_bus *bus, const struct apic_msg *msg,
		   struct lapic *source, enum apic_shorthand shorthand)
{
	irqchip_assert(source || shorthand == APIC_TO_DEST);

	if (msg->delivery == APIC_LOWEST_PRIORITY ||
	    (msg->redirectable && msg->delivery == APIC_FIXED))
		return send_to_one(bus, msg, source, shorthand);
	return send_to_all(bus, msg, source, shorthand);
}

bool lapic_bus_is_in_flight(const struct lapic_bus *bus,
			    const struct apic_msg *msg)
{
	struct id_range range = candidates(bus, msg, NULL, APIC_TO_DEST);

	for (u32 i = range.first; i < range.end; i++) {
		const struct lapic *lapic = bus->lapic[i];

		if (is_target(lapic, msg, NULL, APIC_TO_DEST) &&
		    (vector_set_has(&lapic->irr, msg->vector) ||
		     vector_set_has(&lapic->isr, msg->vector)))
			return true;
	}
	return false;
}

static bool carries_vector(u32 delivery)
{
	return delivery == APIC_FIXED || delivery == APIC_LOWEST_PRIORITY;
}

void lapic_send_icr(struct lapic *lapic)
{
	u32 command = (u32)lapic->icr;
	u32 dest = (u32)(lapic->icr >> 32);
	struct apic_msg msg = {
		.dest = lapic_is_x2apic(lapic) ? dest : dest >> 24,
		.vector = (u8)command,
		.delivery = command >> 8 & 7,
		.logical = command & ICR_LOGICAL,
		.level = command & ICR_LEVEL,
		.deassert = !(command & ICR_ASSERT),
	};

	if (carries_vector(msg.delivery) && msg.vector < APIC_VECTOR_MIN) {
		lapic_error(lapic, ESR_SEND_ILLEGAL_VECTOR);
		return;
	}
	/* Nobody there: no LAPIC since the Pentium 4 reports that. */
	(void)lapic_bus_send(lapic->bus, &msg, lapic,
			     (enum apic_shorthand)(command >> 18 & 3));
}

void lapic_send_self(struct lapic *lapic, u8 vector)
{
	struct apic_msg msg = {.vector = vector, .delivery = APIC_FIXED};

	if (vector < APIC_VECTOR_MIN)
		lapic_error(lapic, ESR_SEND_ILLEGAL_VECTOR);
	else
		(void)lapic_bus_send(lapic->bus, &msg, lapic, APIC_TO_SELF);
}
