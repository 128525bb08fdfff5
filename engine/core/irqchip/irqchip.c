/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/irqchip.h"

#include <linux/errno.h>

/* --- wires from the LAPICs --- */

static u64 now_ns(void *ctx)
{
	struct irqchip *chip = ctx;

	return chip->ops->now_ns(chip->ctx);
}

static u64 guest_tsc(void *ctx, u32 vcpu)
{
	struct irqchip *chip = ctx;

	return chip->ops->guest_tsc(chip->ctx, vcpu);
}

static u64 tsc_to_ns(void *ctx, u32 vcpu, u64 tsc)
{
	struct irqchip *chip = ctx;

	return chip->ops->tsc_to_ns(chip->ctx, vcpu, tsc);
}

static void lapic_kicked(void *ctx, u32 vcpu)
{
	struct irqchip *chip = ctx;

	chip->ops->vcpu_kick(chip->ctx, vcpu);
}

static void lapic_event(void *ctx, u32 vcpu, enum lapic_event event, u8 vector)
{
	struct irqchip *chip = ctx;

	chip->ops->vcpu_event(chip->ctx, vcpu, event, vector);
}

/* The client's I/O APIC is told by vector; ours finds the pins. Ends of edges
 * go to ours too: the PIT counts them. */
static void lapic_ended(void *ctx, u32 vcpu, u8 vector, bool broadcast)
{
	struct irqchip *chip = ctx;

	if (!chip->is_split)
		ioapic_eoi(&chip->ioapic, vector, broadcast);
	else if (broadcast && vector_set_has(&chip->routing->eoi_exit, vector))
		chip->ops->eoi_exit(chip->ctx, vcpu, vector);
}

static void lapic_timer_changed(void *ctx, u32 vcpu)
{
	struct irqchip *chip = ctx;

	chip->ops->timer_changed(chip->ctx, vcpu);
}

static const struct lapic_ops lapic_ops = {
	.now_ns = now_ns,
	.guest_tsc = guest_tsc,
	.tsc_to_ns = tsc_to_ns,
	.kick = lapic_kicked,
	.event = lapic_event,
	.eoi = lapic_ended,
	.timer_changed = lapic_timer_changed,
};

/* --- wires from the I/O APIC and the PIC --- */

#define PIT_GSI 0

static u32 gsi_of(const struct irqchip *chip, u32 which, u32 pin)
{
	return chip->routing->gsi_of_pin[which][pin];
}

static void gsi_acked(struct irqchip *chip, u32 gsi)
{
	if (gsi == IRQ_ROUTE_NONE)
		return;
	chip->ops->gsi_acked(chip->ctx, gsi);
	if (gsi == PIT_GSI && chip->has_pit)
		pit_acked(&chip->pit);
}

/* Ticks that were sent under the mask got lost on the way. */
static void gsi_unmasked(struct irqchip *chip, u32 gsi)
{
	if (gsi == PIT_GSI && chip->has_pit)
		pit_unmasked(&chip->pit);
}

static int ioapic_send(void *ctx, const struct apic_msg *msg)
{
	struct irqchip *chip = ctx;

	return lapic_bus_send(&chip->bus, msg, NULL, APIC_TO_DEST);
}

static bool ioapic_is_in_flight(void *ctx, const struct apic_msg *msg)
{
	struct irqchip *chip = ctx;

	return lapic_bus_is_in_flight(&chip->bus, msg);
}

static void ioapic_acked(void *ctx, u32 pin)
{
	struct irqchip *chip = ctx;

	gsi_acked(chip, gsi_of(chip, KVM_IRQCHIP_IOAPIC, pin));
}

/*
 * A device behind a resampling irqfd may have been satisfied while its pin
 * was masked (Linux's threaded handlers do so): it is asked before the pin is
 * served, and raises its line again if not.
 */
static void ioapic_unmasked(void *ctx, u32 pin)
{
	struct irqchip *chip = ctx;
	u32 gsi = gsi_of(chip, KVM_IRQCHIP_IOAPIC, pin);

	gsi_unmasked(chip, gsi);
	if (gsi != IRQ_ROUTE_NONE && ioapic_holds_level(&chip->ioapic, pin))
		chip->ops->gsi_acked(chip->ctx, gsi);
}

static const struct ioapic_ops ioapic_ops = {
	.send = ioapic_send,
	.is_in_flight = ioapic_is_in_flight,
	.acked = ioapic_acked,
	.unmasked = ioapic_unmasked,
};

/* INTR is one wire to LINT0 of every LAPIC, as on a board. */
static void pic_intr(void *ctx, bool level)
{
	struct irqchip *chip = ctx;

	for (u32 i = 0; i < chip->bus.count; i++)
		if (chip->bus.lapic[i])
			lapic_set_lint(chip->bus.lapic[i], 0, level);
}

static void pic_acked(void *ctx, u32 pin)
{
	struct irqchip *chip = ctx;

	gsi_acked(chip, gsi_of(chip, pin / 8, pin % 8));
}

static void pic_unmasked(void *ctx, u32 pin)
{
	struct irqchip *chip = ctx;

	gsi_unmasked(chip, gsi_of(chip, pin / 8, pin % 8));
}

static const struct pic_ops pic_ops = {
	.intr = pic_intr,
	.acked = pic_acked,
	.unmasked = pic_unmasked,
};

/* --- wires from the PIT --- */

static int pit_irq0(void *ctx)
{
	struct irqchip *chip = ctx;
	int status = irqchip_set_gsi(chip, IRQ_SOURCE_PIT, PIT_GSI, true, false);

	/* The falling edge says nothing. */
	(void)irqchip_set_gsi(chip, IRQ_SOURCE_PIT, PIT_GSI, false, false);
	return status;
}

static void pit_timer_changed(void *ctx)
{
	struct irqchip *chip = ctx;

	chip->ops->timer_changed(chip->ctx, IRQCHIP_PIT);
}

static const struct pit_ops pit_ops = {
	.now_ns = now_ns,
	.irq0 = pit_irq0,
	.timer_changed = pit_timer_changed,
};

/* --- life --- */

void irqchip_init(struct irqchip *chip, const struct irqchip_ops *ops,
		  void *ctx, bool is_split, const struct irq_routing *routing)
{
	irqchip_assert(routing);

	chip->ops = ops;
	chip->ctx = ctx;
	chip->is_split = is_split;
	chip->has_pit = false;
	chip->has_speaker = false;
	chip->routing = routing;
	lapic_bus_init(&chip->bus, &lapic_ops, chip);
	if (is_split)
		return;
	ioapic_init(&chip->ioapic, &ioapic_ops, chip);
	pic_init(&chip->pic, &pic_ops, chip);
}

int irqchip_create_pit(struct irqchip *chip, bool has_speaker)
{
	irqchip_assert(!chip->is_split);

	if (chip->has_pit)
		return -EEXIST;
	pit_init(&chip->pit, &pit_ops, chip);
	chip->has_pit = true;
	chip->has_speaker = has_speaker;
	return 0;
}

static struct lapic *lapic_of(const struct irqchip *chip, u32 vcpu)
{
	irqchip_assert(vcpu < LAPIC_MAX && chip->bus.lapic[vcpu]);
	return chip->bus.lapic[vcpu];
}

void irqchip_add_vcpu(struct irqchip *chip, struct lapic *lapic, u32 vcpu,
		      bool bsp)
{
	lapic_init(lapic, &chip->bus, vcpu, bsp);
	lapic_set_lint(lapic, 0, !chip->is_split && chip->pic.intr);
}

void irqchip_remove_vcpu(struct irqchip *chip, u32 vcpu)
{
	lapic_release(lapic_of(chip, vcpu));
}

/* --- GSIs --- */

const struct irq_routing *irqchip_set_routing(struct irqchip *chip,
					      const struct irq_routing *routing)
{
	const struct irq_routing *old = chip->routing;

	irqchip_assert(routing);
	chip->routing = routing;
	return old;
}

static int set_route(struct irqchip *chip, const struct irq_route *route,
		     enum irq_source source, bool level, bool want_status)
{
	if (route->is_msi)
		return level ? lapic_bus_send(&chip->bus, &route->msg, NULL,
					      APIC_TO_DEST)
			     : -1;
	irqchip_assert(!chip->is_split);
	if (route->chip == KVM_IRQCHIP_IOAPIC)
		return ioapic_set_line(&chip->ioapic, source, route->pin, level,
				       want_status);
	return pic_set_line(&chip->pic, source, route->chip * 8u + route->pin,
			    level);
}

int irqchip_set_gsi(struct irqchip *chip, enum irq_source source, u32 gsi,
		    bool level, bool want_status)
{
	const struct irq_routing *routing = chip->routing;
	int sum = -1;
	u16 i;

	if (gsi >= IRQ_ROUTES_MAX)
		return -1;
	for (i = routing->first[gsi]; i != IRQ_ROUTE_NONE;
	     i = routing->route[i].next) {
		int taken = set_route(chip, &routing->route[i], source, level,
				      want_status);

		if (taken >= 0)
			sum = MAX(sum, 0) + taken;
	}
	return sum;
}

int irqchip_signal_msi(struct irqchip *chip, const struct kvm_msi *msi)
{
	struct apic_msg msg;

	if (msi->flags ||
	    !apic_msg_from_msi(&msg, msi->address_lo, msi->address_hi,
			       msi->data, chip->bus.ids_are_32bit))
		return -EINVAL;
	return lapic_bus_send(&chip->bus, &msg, NULL, APIC_TO_DEST);
}

/* --- the vCPU's side --- */

static bool has_extint(const struct irqchip *chip, const struct lapic *lapic)
{
	if (!lapic_accepts_extint(lapic))
		return false;
	return chip->is_split ? lapic->extint != LAPIC_NO_EXTINT
			      : chip->pic.intr;
}

bool irqchip_has_interrupt(struct irqchip *chip, u32 vcpu)
{
	const struct lapic *lapic = lapic_of(chip, vcpu);

	return has_extint(chip, lapic) || lapic_has_interrupt(lapic) >= 0;
}

static int accept_extint(struct irqchip *chip, struct lapic *lapic)
{
	int vector = lapic->extint;

	if (!chip->is_split)
		return pic_accept(&chip->pic);
	lapic->extint = LAPIC_NO_EXTINT;
	return vector;
}

/* ExtINT comes first: it has no priority to be compared by. */
int irqchip_accept(struct irqchip *chip, u32 vcpu)
{
	struct lapic *lapic = lapic_of(chip, vcpu);
	int vector;

	if (has_extint(chip, lapic))
		return accept_extint(chip, lapic);
	vector = lapic_has_interrupt(lapic);
	if (vector >= 0)
		lapic_accept(lapic, (u8)vector);
	return vector;
}

int irqchip_queue_extint(struct irqchip *chip, u32 vcpu, u8 vector)
{
	struct lapic *lapic = lapic_of(chip, vcpu);

	if (!chip->is_split)
		return -ENXIO;
	if (lapic->extint != LAPIC_NO_EXTINT)
		return -EEXIST;
	lapic->extint = vector;
	chip->ops->vcpu_kick(chip->ctx, vcpu);
	return 0;
}

int irqchip_pv_eoi_vector(struct irqchip *chip, u32 vcpu)
{
	int vector = lapic_pv_eoi_vector(lapic_of(chip, vcpu));

	if (vector < 0)
		return -1;
	if (chip->is_split ? vector_set_has(&chip->routing->eoi_exit, (u8)vector)
			   : ioapic_uses_vector(&chip->ioapic, (u8)vector))
		return -1;
	return vector;
}

/* --- guest accesses --- */

static bool port_read(struct irqchip *chip, u16 port, u8 *ret_value)
{
	if (chip->is_split)
		return false;
	if (port == PIT_SPEAKER_PORT && !chip->has_speaker)
		return false;
	return pic_read(&chip->pic, port, ret_value) ||
	       (chip->has_pit && pit_read(&chip->pit, port, ret_value));
}

static bool port_write(struct irqchip *chip, u16 port, u8 value)
{
	if (chip->is_split)
		return false;
	if (port == PIT_SPEAKER_PORT && !chip->has_speaker)
		return false;
	return pic_write(&chip->pic, port, value) ||
	       (chip->has_pit && pit_write(&chip->pit, port, value));
}

/* Bytes beyond the chip's ports read as an empty bus does. */
bool irqchip_pio_read(struct irqchip *chip, u16 port, u32 size, u32 *ret_value)
{
	u8 byte;

	irqchip_assert(size >= 1 && size <= 4);
	if (!port_read(chip, port, &byte))
		return false;
	*ret_value = byte;
	for (u32 i = 1; i < size; i++) {
		if (!port_read(chip, (u16)(port + i), &byte))
			byte = 0xff;
		*ret_value |= (u32)byte << 8 * i;
	}
	return true;
}

bool irqchip_pio_write(struct irqchip *chip, u16 port, u32 size, u32 value)
{
	irqchip_assert(size >= 1 && size <= 4);
	if (!port_write(chip, port, (u8)value))
		return false;
	for (u32 i = 1; i < size; i++)
		(void)port_write(chip, (u16)(port + i), (u8)(value >> 8 * i));
	return true;
}

static bool is_in_lapic(const struct irqchip *chip, u32 vcpu, gpa_t gpa)
{
	return gpa - lapic_page(lapic_of(chip, vcpu)) < LAPIC_PAGE_SIZE;
}

static bool is_in_ioapic(const struct irqchip *chip, gpa_t gpa)
{
	return !chip->is_split && gpa - chip->ioapic.base < IOAPIC_SIZE;
}

bool irqchip_mmio_read(struct irqchip *chip, u32 vcpu, gpa_t gpa, u32 size,
		       u64 *ret_value)
{
	if (is_in_lapic(chip, vcpu, gpa))
		*ret_value = lapic_mmio_read(lapic_of(chip, vcpu),
					     gpa % LAPIC_PAGE_SIZE, size);
	else if (is_in_ioapic(chip, gpa))
		*ret_value = ioapic_mmio_read(&chip->ioapic,
					      (u32)(gpa - chip->ioapic.base));
	else
		return false;
	return true;
}

bool irqchip_mmio_write(struct irqchip *chip, u32 vcpu, gpa_t gpa, u32 size,
			u64 value)
{
	if (is_in_lapic(chip, vcpu, gpa))
		lapic_mmio_write(lapic_of(chip, vcpu), gpa % LAPIC_PAGE_SIZE,
				 size, value);
	else if (is_in_ioapic(chip, gpa))
		ioapic_mmio_write(&chip->ioapic, (u32)(gpa - chip->ioapic.base),
				  (u32)value);
	else
		return false;
	return true;
}

/* --- timers --- */

u64 irqchip_pit_deadline_ns(const struct irqchip *chip)
{
	return chip->has_pit ? pit_deadline_ns(&chip->pit) : IRQCHIP_NEVER;
}

void irqchip_pit_expire(struct irqchip *chip, u64 now_ns)
{
	if (chip->has_pit)
		pit_expire(&chip->pit, now_ns);
}

/* --- state --- */

int irqchip_get_state(struct irqchip *chip, struct kvm_irqchip *state)
{
	if (chip->is_split)
		return -ENXIO;
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get_state(&chip->pic, state->chip_id, &state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get_state(&chip->ioapic, &state->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

int irqchip_set_state(struct irqchip *chip, const struct kvm_irqchip *state)
{
	if (chip->is_split)
		return -ENXIO;
	/* The tick that the PIT waits for may be gone with the old state. */
	if (chip->has_pit)
		pit_unmasked(&chip->pit);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set_state(&chip->pic, state->chip_id, &state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set_state(&chip->ioapic, &state->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}
