/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/ioapic/ioapic.h"

#include "engine/core/irqchip/vector_set.h"

/* The window [I82093AA 3.1 "Memory Mapped Registers for Accessing IOAPIC
 * Registers"]; the EOI register came with later versions. */
#define IOREGSEL 0x00
#define IOWIN	 0x10
#define IOEOIR	 0x40

/* Registers behind it [I82093AA 3.2 "IOAPIC Registers"] */
#define IOAPICID  0x00
#define IOAPICVER 0x01
#define IOAPICARB 0x02
#define IOREDTBL  0x10

#define RTC_PIN 8

#define ENTRY_WRITABLE                                                        \
	(IOAPIC_VECTOR | IOAPIC_DELIVERY | IOAPIC_LOGICAL | IOAPIC_POLARITY | \
	 IOAPIC_LEVEL | IOAPIC_MASKED | (u64)0xff << IOAPIC_DEST_SHIFT)

static struct apic_msg message(u64 entry)
{
	return (struct apic_msg){
		.dest = (u32)(entry >> IOAPIC_DEST_SHIFT),
		.vector = entry & IOAPIC_VECTOR,
		.delivery = entry >> 8 & 7,
		.logical = entry & IOAPIC_LOGICAL,
		.level = entry & IOAPIC_LEVEL,
	};
}

static bool is_level(const struct ioapic *ioapic, u32 pin)
{
	return ioapic->redirect[pin] & IOAPIC_LEVEL;
}

/* Sends a high pin's message, if its entry lets it go now. */
static int service(struct ioapic *ioapic, u32 pin)
{
	u64 *entry = &ioapic->redirect[pin];
	struct apic_msg msg = message(*entry);
	int taken;

	if ((*entry & IOAPIC_MASKED) ||
	    (msg.level && (*entry & IOAPIC_REMOTE_IRR)))
		return -1;
	if (!msg.level)
		ioapic->delivered |= 1u << pin;
	taken = ioapic->ops->send(ioapic->ctx, &msg);
	if (msg.level && taken > 0)
		*entry |= IOAPIC_REMOTE_IRR;
	return taken;
}

static int raise_pin(struct ioapic *ioapic, u32 pin, bool want_status)
{
	bool was_high = ioapic->irr >> pin & 1;
	struct apic_msg msg = message(ioapic->redirect[pin]);

	if (pin == RTC_PIN && want_status &&
	    ioapic->ops->is_in_flight(ioapic->ctx, &msg))
		return 0;
	ioapic->irr |= 1u << pin;
	if (!is_level(ioapic, pin)) {
		ioapic->delivered &= ~(1u << pin);
		if (was_high)
			return 0; /* no edge */
	}
	return service(ioapic, pin);
}

int ioapic_set_line(struct ioapic *ioapic, u32 source, u32 pin, bool level,
		    bool want_status)
{
	irqchip_assert(pin < IOAPIC_PINS && source < 8);

	if (level)
		ioapic->sources[pin] |= (u8)(1u << source);
	else
		ioapic->sources[pin] &= (u8) ~(1u << source);
	if (ioapic->sources[pin])
		return raise_pin(ioapic, pin, want_status);
	ioapic->irr &= ~(1u << pin);
	return 1;
}

/* Acknowledging comes first: whoever lowers its line then is not asked for a
 * second time. */
static void end_pin(struct ioapic *ioapic, u32 pin, bool broadcast)
{
	ioapic->ops->acked(ioapic->ctx, pin);
	if (!broadcast || !is_level(ioapic, pin))
		return;
	ioapic->redirect[pin] &= ~IOAPIC_REMOTE_IRR;
	if (ioapic->irr >> pin & 1)
		(void)service(ioapic, pin); /* the line tells, not a status */
}

void ioapic_eoi(struct ioapic *ioapic, u8 vector, bool broadcast)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		if ((ioapic->redirect[pin] & IOAPIC_VECTOR) == vector)
			end_pin(ioapic, pin, broadcast);
}

bool ioapic_uses_vector(const struct ioapic *ioapic, u8 vector)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		if (!(ioapic->redirect[pin] & IOAPIC_MASKED) &&
		    (ioapic->redirect[pin] & IOAPIC_VECTOR) == vector)
			return true;
	return false;
}

bool ioapic_holds_level(const struct ioapic *ioapic, u32 pin)
{
	irqchip_assert(pin < IOAPIC_PINS);
	return is_level(ioapic, pin) && (ioapic->irr >> pin & 1) &&
	       !(ioapic->redirect[pin] & IOAPIC_REMOTE_IRR);
}

/* --- registers --- */

static u32 read_window(const struct ioapic *ioapic)
{
	u32 index = ioapic->select;

	switch (index) {
	case IOAPICID:
	case IOAPICARB:
		return (u32)ioapic->id << 24;
	case IOAPICVER:
		return (IOAPIC_PINS - 1u) << 16 | ioapic->version;
	case IOREDTBL ... IOREDTBL + 2 * IOAPIC_PINS - 1:
		index -= IOREDTBL;
		return (u32)(ioapic->redirect[index / 2] >> (index % 2 * 32));
	default:
		return UINT32_MAX;
	}
}

/* A level that came up under the mask is delivered; an edge that did is lost
 * [I82093AA 3.2.4 "Interrupt Mask"]. */
static void entry_changed(struct ioapic *ioapic, u32 pin, u64 old)
{
	u64 *entry = &ioapic->redirect[pin];

	if (!(*entry & IOAPIC_LEVEL))
		*entry &= ~IOAPIC_REMOTE_IRR;
	if ((old & IOAPIC_MASKED) && !(*entry & IOAPIC_MASKED))
		ioapic->ops->unmasked(ioapic->ctx, pin);
	if ((*entry & IOAPIC_LEVEL) && (ioapic->irr >> pin & 1))
		(void)service(ioapic, pin); /* as in end_pin() */
}

static void write_redirect(struct ioapic *ioapic, u32 index, u32 value)
{
	u32 pin = index / 2;
	u32 shift = index % 2 * 32;
	u64 old = ioapic->redirect[pin];
	u64 half = ((u64)UINT32_MAX << shift) & ENTRY_WRITABLE;

	ioapic->redirect[pin] = (old & ~half) | ((u64)value << shift & half);
	entry_changed(ioapic, pin, old);
}

static void write_window(struct ioapic *ioapic, u32 value)
{
	u32 index = ioapic->select;

	if (index == IOAPICID)
		ioapic->id = value >> 24 & 0xf;
	else if (index >= IOREDTBL && index < IOREDTBL + 2 * IOAPIC_PINS)
		write_redirect(ioapic, index - IOREDTBL, value);
}

u32 ioapic_mmio_read(struct ioapic *ioapic, u32 offset)
{
	switch (offset) {
	case IOREGSEL:
		return ioapic->select;
	case IOWIN:
		return read_window(ioapic);
	default:
		return 0;
	}
}

void ioapic_mmio_write(struct ioapic *ioapic, u32 offset, u32 value)
{
	switch (offset) {
	case IOREGSEL:
		ioapic->select = (u8)value;
		break;
	case IOWIN:
		write_window(ioapic, value);
		break;
	case IOEOIR:
		if (ioapic->version >= IOAPIC_VERSION_EOI)
			ioapic_eoi(ioapic, (u8)value, true);
		break;
	default:
		break;
	}
}

/* --- life and state --- */

void ioapic_reset(struct ioapic *ioapic)
{
	ioapic->base = IOAPIC_BASE_DEFAULT;
	ioapic->select = 0;
	ioapic->id = 0;
	ioapic->irr = 0;
	ioapic->delivered = 0;
	__builtin_memset(ioapic->sources, 0, sizeof(ioapic->sources));
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->redirect[pin] = IOAPIC_MASKED;
}

void ioapic_init(struct ioapic *ioapic, const struct ioapic_ops *ops, void *ctx)
{
	ioapic->ops = ops;
	ioapic->ctx = ctx;
	ioapic->version = IOAPIC_VERSION_82093AA;
	ioapic_reset(ioapic);
}

void ioapic_get_state(const struct ioapic *ioapic,
		      struct kvm_ioapic_state *ret_state)
{
	__builtin_memset(ret_state, 0, sizeof(*ret_state));
	ret_state->base_address = ioapic->base;
	ret_state->ioregsel = ioapic->select;
	ret_state->id = ioapic->id;
	ret_state->irr = ioapic->irr & ~ioapic->delivered;
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		ret_state->redirtbl[pin].bits = ioapic->redirect[pin];
}

void ioapic_set_state(struct ioapic *ioapic,
		      const struct kvm_ioapic_state *state)
{
	ioapic_reset(ioapic);
	ioapic->base = state->base_address;
	ioapic->select = (u8)state->ioregsel;
	ioapic->id = state->id & 0xf;
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->redirect[pin] = state->redirtbl[pin].bits &
					(ENTRY_WRITABLE | IOAPIC_REMOTE_IRR);
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		if (state->irr >> pin & 1)
			(void)raise_pin(ioapic, pin, false); /* resent, unasked */
}
