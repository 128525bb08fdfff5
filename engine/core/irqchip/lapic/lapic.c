/* SPDX-License-Identifier: MIT */
/*
 * The LAPIC's registers, priorities and interrupt acceptance. Its timer is in
 * lapic_timer.c, its MSR face in lapic_msr.c, IPIs and destinations in
 * lapic_bus.c, KVM's page of state in lapic_state.c.
 *
 * An interrupt's way through a LAPIC: lapic_raise() sets its bit in IRR; when
 * its class (vector / 16) is above the processor priority the CPU takes it by
 * lapic_accept(), which moves the bit to ISR; the guest's EOI clears it there.
 * TMR remembers whether that EOI is owed to an I/O APIC as well.
 */
#include "engine/core/irqchip/lapic/lapic.h"

#include "engine/core/irqchip/lapic/lapic_internal.h"

/* Version 1.4 of the integrated APIC, as KVM reports it
 * [SDM3 11.4.8 "Local APIC Version Register"]. */
#define VERSION_INTEGRATED   0x14u
#define VERSION_MAX_LVT	     ((LAPIC_LVT_COUNT - 1u) << 16)
#define VERSION_DIRECTED_EOI (1u << 24)

static u8 priority_class(u32 vector_or_priority)
{
	return (u8)(vector_or_priority & 0xf0);
}

/* [SDM3 11.8.3.1 "Task and Processor Priorities"] */
static u8 processor_priority(const struct lapic *lapic)
{
	int in_service = vector_set_highest(&lapic->isr);

	if (in_service < 0 ||
	    priority_class(lapic->tpr) >= priority_class((u32)in_service))
		return lapic->tpr;
	return priority_class((u32)in_service);
}

int lapic_has_interrupt(const struct lapic *lapic)
{
	int vector = vector_set_highest(&lapic->irr);

	if (vector < 0 || !lapic_is_enabled(lapic))
		return -1;
	if (priority_class((u32)vector) <=
	    priority_class(processor_priority(lapic)))
		return -1;
	return vector;
}

void lapic_accept(struct lapic *lapic, u8 vector)
{
	irqchip_assert(vector_set_has(&lapic->irr, vector));
	irqchip_assert(!vector_set_has(&lapic->isr, vector));

	vector_set_remove(&lapic->irr, vector);
	vector_set_add(&lapic->isr, vector);
	if (lapic->ticks_owed &&
	    vector == (lapic->lvt[LVT(LAPIC_LVT_TIMER)] & LVT_VECTOR))
		lapic_timer_make_up(lapic);
}

static void kick_if_deliverable(struct lapic *lapic)
{
	if (lapic_has_interrupt(lapic) >= 0)
		lapic_kick(lapic);
}

static void request(struct lapic *lapic, u8 vector, bool level)
{
	irqchip_assert(vector >= APIC_VECTOR_MIN);

	if (level)
		vector_set_add(&lapic->tmr, vector);
	else
		vector_set_remove(&lapic->tmr, vector);
	if (vector_set_has(&lapic->irr, vector))
		return;
	vector_set_add(&lapic->irr, vector);
	lapic_kick(lapic);
}

/* Only the first error since the last write of ESR interrupts. An error entry
 * with an illegal vector is one more error, and no interrupt. */
void lapic_error(struct lapic *lapic, u32 esr_bit)
{
	u32 lvt = lapic->lvt[LVT(LAPIC_LVT_ERROR)];
	bool first = !lapic->esr_pending;

	lapic->esr_pending |= esr_bit;
	if (!first || (lvt & LVT_MASKED))
		return;
	if ((lvt & LVT_VECTOR) < APIC_VECTOR_MIN)
		lapic->esr_pending |= ESR_RECEIVE_ILLEGAL_VECTOR;
	else
		request(lapic, (u8)(lvt & LVT_VECTOR), false);
}

void lapic_raise(struct lapic *lapic, u8 vector, bool level)
{
	if (vector < APIC_VECTOR_MIN)
		lapic_error(lapic, ESR_RECEIVE_ILLEGAL_VECTOR);
	else
		request(lapic, vector, level);
}

static void event(struct lapic *lapic, enum lapic_event event, u8 vector)
{
	lapic->bus->ops->event(lapic->bus->ctx, lapic->vcpu, event, vector);
}

int lapic_receive(struct lapic *lapic, const struct apic_msg *msg)
{
	switch ((enum apic_delivery)msg->delivery) {
	case APIC_FIXED:
	case APIC_LOWEST_PRIORITY:
		if (!lapic_is_software_enabled(lapic) ||
		    (msg->level && msg->deassert))
			return 0;
		lapic_raise(lapic, msg->vector, msg->level);
		return 1;
	case APIC_SMI:
		event(lapic, LAPIC_EVENT_SMI, 0);
		return 1;
	case APIC_NMI:
		event(lapic, LAPIC_EVENT_NMI, 0);
		return 1;
	case APIC_INIT:
		/* INIT level de-assert set arbitration ids, once; nothing has
		 * such ids any more. */
		if (msg->level && msg->deassert)
			return 0;
		event(lapic, LAPIC_EVENT_INIT, 0);
		return 1;
	case APIC_STARTUP:
		event(lapic, LAPIC_EVENT_SIPI, msg->vector);
		return 1;
	case APIC_REMOTE_READ:
	case APIC_EXTINT:
		break;
	}
	return 0;
}

void lapic_lvt_deliver(struct lapic *lapic, u32 reg)
{
	u32 lvt = lapic->lvt[LVT(reg)];
	struct apic_msg msg = {
		.vector = (u8)(lvt & LVT_VECTOR),
		.delivery = (u8)((lvt & LVT_DELIVERY) >> 8),
	};

	/* Start-up is not for an LVT entry; the rest reaches the CPU or, by
	 * lapic_receive(), is nothing. */
	if (lapic_is_enabled(lapic) && !(lvt & LVT_MASKED) &&
	    msg.delivery != APIC_STARTUP)
		(void)lapic_receive(lapic, &msg);
}

void lapic_set_lint(struct lapic *lapic, u32 pin, bool level)
{
	bool rises;

	irqchip_assert(pin < ARRAY_SIZE(lapic->lint));
	rises = level && !lapic->lint[pin];
	lapic->lint[pin] = level;
	if (rises && pin == 0 && lapic_accepts_extint(lapic))
		lapic_kick(lapic); /* the CPU asks the PIC for the vector */
	else if (rises)
		lapic_lvt_deliver(lapic, LAPIC_LVT_LINT0 + pin);
}

bool lapic_accepts_extint(const struct lapic *lapic)
{
	u32 lint0 = lapic->lvt[LVT(LAPIC_LVT_LINT0)];

	return !lapic_is_enabled(lapic) ||
	       (lint0 & (LVT_MASKED | LVT_DELIVERY)) == (u32)APIC_EXTINT << 8;
}

/* [SDM3 11.8.5 "Signaling Interrupt Servicing Completion"] */
void lapic_eoi(struct lapic *lapic)
{
	int vector = vector_set_highest(&lapic->isr);
	bool broadcast;

	if (vector < 0)
		return;
	vector_set_remove(&lapic->isr, (u8)vector);
	broadcast = vector_set_has(&lapic->tmr, (u8)vector) &&
		    !(lapic->svr & SVR_NO_EOI_BROADCAST);
	lapic->bus->ops->eoi(lapic->bus->ctx, lapic->vcpu, (u8)vector,
			     broadcast);
	kick_if_deliverable(lapic);
}

int lapic_pv_eoi_vector(const struct lapic *lapic)
{
	int vector = vector_set_highest(&lapic->isr);
	struct vector_set rest = lapic->isr;

	if (vector < 0 || !vector_set_is_empty(&lapic->irr) ||
	    vector_set_has(&lapic->tmr, (u8)vector))
		return -1;
	vector_set_remove(&rest, (u8)vector);
	return vector_set_is_empty(&rest) ? vector : -1;
}

void lapic_cr8_write(struct lapic *lapic, u64 cr8)
{
	irqchip_assert(cr8 <= 15);
	lapic_reg_write(lapic, LAPIC_TPR, (u32)cr8 << 4);
}

/* --- registers --- */

bool lapic_reg_exists(u32 reg)
{
	static const u64 exists =
		BIT(LAPIC_ID) | BIT(LAPIC_VERSION) | BIT(LAPIC_TPR) |
		BIT(LAPIC_APR) | BIT(LAPIC_PPR) | BIT(LAPIC_EOI) |
		BIT(LAPIC_RRD) | BIT(LAPIC_LDR) | BIT(LAPIC_DFR) |
		BIT(LAPIC_SVR) | (u64)0xff << LAPIC_ISR |
		(u64)0xff << LAPIC_TMR | (u64)0xff << LAPIC_IRR |
		BIT(LAPIC_ESR) | BIT(LAPIC_ICR) | BIT(LAPIC_ICR2) |
		(u64)0x3f << LAPIC_LVT_TIMER | BIT(LAPIC_TMICT) |
		BIT(LAPIC_TMCCT) | BIT(LAPIC_TDCR);

	return reg < LAPIC_REG_COUNT && (exists >> reg & 1);
}

/* Which bits of an LVT entry can be written. */
u32 lapic_lvt_writable(const struct lapic *lapic, u32 reg)
{
	u32 writable = LVT_VECTOR | LVT_MASKED;

	switch (reg) {
	case LAPIC_LVT_TIMER:
		writable |= LVT_PERIODIC;
		if (lapic->features & LAPIC_HAS_TSC_DEADLINE)
			writable |= LVT_TSC_DEADLINE;
		break;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		writable |= LVT_DELIVERY | LVT_POLARITY | LVT_LEVEL;
		break;
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFORMANCE:
		writable |= LVT_DELIVERY;
		break;
	default:
		break;
	}
	return writable;
}

static u32 read_vector_set(const struct vector_set *set, u32 index)
{
	return (u32)(set->word[index / 2] >> (index % 2 * 32));
}

u32 lapic_reg_read(struct lapic *lapic, u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
		return lapic_is_x2apic(lapic) ? lapic->vcpu : lapic->id << 24;
	case LAPIC_VERSION:
		return VERSION_INTEGRATED | VERSION_MAX_LVT |
		       (lapic->features & LAPIC_HAS_DIRECTED_EOI
				? VERSION_DIRECTED_EOI
				: 0);
	case LAPIC_TPR:
		return lapic->tpr;
	case LAPIC_PPR:
		return processor_priority(lapic);
	case LAPIC_LDR:
		return lapic->ldr;
	case LAPIC_DFR:
		return lapic->dfr;
	case LAPIC_SVR:
		return lapic->svr;
	case LAPIC_ISR ... LAPIC_ISR + 7:
		return read_vector_set(&lapic->isr, reg - LAPIC_ISR);
	case LAPIC_TMR ... LAPIC_TMR + 7:
		return read_vector_set(&lapic->tmr, reg - LAPIC_TMR);
	case LAPIC_IRR ... LAPIC_IRR + 7:
		return read_vector_set(&lapic->irr, reg - LAPIC_IRR);
	case LAPIC_ESR:
		return lapic->esr;
	case LAPIC_ICR:
		return (u32)lapic->icr;
	case LAPIC_ICR2:
		return (u32)(lapic->icr >> 32);
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		return lapic->lvt[LVT(reg)];
	case LAPIC_TMICT:
		return lapic->tmict;
	case LAPIC_TMCCT:
		return lapic_timer_count(lapic);
	case LAPIC_TDCR:
		return lapic->tdcr;
	default:
		return 0; /* write-only, or kept for old software only */
	}
}

static void write_lvt(struct lapic *lapic, u32 reg, u32 value)
{
	value &= lapic_lvt_writable(lapic, reg);
	if (!lapic_is_software_enabled(lapic))
		value |= LVT_MASKED;
	if (reg == LAPIC_LVT_TIMER)
		lapic_timer_write_lvt(lapic, value);
	else
		lapic->lvt[LVT(reg)] = value;
	if (reg == LAPIC_LVT_LINT0 && lapic->lint[0] &&
	    lapic_accepts_extint(lapic))
		lapic_kick(lapic); /* the PIC has been asking all along */
}

/* [SDM3 11.4.7.2 "Local APIC State After It Has Been Software Disabled"] */
static void write_svr(struct lapic *lapic, u32 value)
{
	u32 writable = SVR_WRITABLE;

	if (lapic->features & LAPIC_HAS_DIRECTED_EOI)
		writable |= SVR_NO_EOI_BROADCAST;
	lapic->svr = value & writable;
	if (lapic_is_software_enabled(lapic))
		return;
	for (u32 reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg++)
		write_lvt(lapic, reg, lapic->lvt[LVT(reg)]);
}

static void write_id(struct lapic *lapic, u32 value)
{
	lapic->id = value >> 24;
	if (lapic->id != (lapic->vcpu & 0xff))
		lapic->bus->ids_are_moved = true;
}

void lapic_reg_write(struct lapic *lapic, u32 reg, u32 value)
{
	switch (reg) {
	case LAPIC_ID:
		write_id(lapic, value);
		break;
	case LAPIC_TPR:
		lapic->tpr = (u8)value;
		kick_if_deliverable(lapic);
		break;
	case LAPIC_EOI:
		lapic_eoi(lapic);
		break;
	case LAPIC_LDR:
		lapic->ldr = value & 0xff000000;
		break;
	case LAPIC_DFR:
		lapic->dfr = value | 0x0fffffff;
		break;
	case LAPIC_SVR:
		write_svr(lapic, value);
		break;
	case LAPIC_ESR:
		/* The written value does not matter: what has gathered
		 * becomes readable. */
		lapic->esr = lapic->esr_pending;
		lapic->esr_pending = 0;
		break;
	case LAPIC_ICR:
		lapic->icr = (lapic->icr & ~(u64)UINT32_MAX) |
			     (value & ICR_WRITABLE);
		lapic_send_icr(lapic);
		break;
	case LAPIC_ICR2:
		lapic->icr = (lapic->icr & UINT32_MAX) |
			     (u64)(value & 0xff000000) << 32;
		break;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		write_lvt(lapic, reg, value);
		break;
	case LAPIC_TMICT:
		lapic_timer_write_tmict(lapic, value);
		break;
	case LAPIC_TDCR:
		lapic_timer_write_tdcr(lapic, value & 0xb);
		break;
	default:
		break; /* read-only */
	}
}

/* --- the page --- */

static bool page_is_live(const struct lapic *lapic)
{
	return lapic_is_enabled(lapic) && !lapic_is_x2apic(lapic);
}

u64 lapic_mmio_read(struct lapic *lapic, u32 offset, u32 size)
{
	u32 shift = offset % 16 * 8;

	irqchip_assert(offset < LAPIC_PAGE_SIZE && size <= 8);
	if (!page_is_live(lapic))
		return UINT64_MAX;
	if (size == 0 || offset % 16 + size > 4)
		return 0;
	if (!lapic_reg_exists(offset >> 4)) {
		lapic_error(lapic, ESR_ILLEGAL_REGISTER);
		return 0;
	}
	return lapic_reg_read(lapic, offset >> 4) >> shift &
	       (UINT32_MAX >> (32 - size * 8));
}

void lapic_mmio_write(struct lapic *lapic, u32 offset, u32 size, u64 value)
{
	irqchip_assert(offset < LAPIC_PAGE_SIZE && size <= 8);
	if (!page_is_live(lapic) || size != 4 || offset % 16)
		return;
	if (lapic_reg_exists(offset >> 4))
		lapic_reg_write(lapic, offset >> 4, (u32)value);
	else
		lapic_error(lapic, ESR_ILLEGAL_REGISTER);
}

/* --- life --- */

/* [SDM3 11.4.7.1 "Local APIC State After Power-Up or Reset"] */
static void reset_registers(struct lapic *lapic)
{
	lapic_timer_stop(lapic);
	__builtin_memset(&lapic->irr, 0, sizeof(lapic->irr));
	__builtin_memset(&lapic->isr, 0, sizeof(lapic->isr));
	__builtin_memset(&lapic->tmr, 0, sizeof(lapic->tmr));
	for (u32 i = 0; i < LAPIC_LVT_COUNT; i++)
		lapic->lvt[i] = LVT_MASKED;
	if (lapic->base & LAPIC_BASE_BSP)
		lapic->lvt[LVT(LAPIC_LVT_LINT0)] = (u32)APIC_EXTINT << 8;
	lapic->ldr = lapic_is_x2apic(lapic) ? lapic_x2apic_ldr(lapic->vcpu) : 0;
	lapic->dfr = UINT32_MAX;
	lapic->svr = 0xff;
	lapic->tpr = 0;
	lapic->icr = 0;
	lapic->esr = lapic->esr_pending = 0;
	lapic->tmict = lapic->tdcr = 0;
	lapic->lowest_count = 0;
	lapic->extint = LAPIC_NO_EXTINT;
}

void lapic_init_reset(struct lapic *lapic)
{
	reset_registers(lapic);
}

void lapic_init(struct lapic *lapic, struct lapic_bus *bus, u32 vcpu, bool bsp)
{
	irqchip_assert(vcpu < LAPIC_MAX);
	irqchip_assert(!bus->lapic[vcpu]);

	*lapic = (struct lapic){
		.bus = bus,
		.vcpu = vcpu,
		.id = vcpu & 0xff,
		.timer_deadline_ns = LAPIC_NEVER,
		.base = LAPIC_BASE_DEFAULT | LAPIC_BASE_EN |
			(bsp ? LAPIC_BASE_BSP : 0),
	};
	lapic_set_features(lapic, 0, 36);
	reset_registers(lapic);
	bus->lapic[vcpu] = lapic;
	bus->count = MAX(bus->count, vcpu + 1);
}

void lapic_release(struct lapic *lapic)
{
	struct lapic_bus *bus = lapic->bus;

	irqchip_assert(bus->lapic[lapic->vcpu] == lapic);
	bus->lapic[lapic->vcpu] = NULL;
	while (bus->count && !bus->lapic[bus->count - 1])
		bus->count--;
}

/* Bits that a client's state may not hold, nor any register by itself. */
void lapic_sanitize(struct lapic *lapic)
{
	u64 no_exceptions = ~(BIT(APIC_VECTOR_MIN) - 1);

	lapic->irr.word[0] &= no_exceptions;
	lapic->isr.word[0] &= no_exceptions;
	lapic->tmr.word[0] &= no_exceptions;
	lapic->icr &= ~(u64)ICR_STATUS;
	lapic->tdcr &= 0xb;
	lapic->svr &= SVR_WRITABLE | SVR_NO_EOI_BROADCAST;
	if (!(lapic->features & LAPIC_HAS_DIRECTED_EOI))
		lapic->svr &= ~SVR_NO_EOI_BROADCAST;
	for (u32 reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg++) {
		lapic->lvt[LVT(reg)] &= lapic_lvt_writable(lapic, reg);
		/* A reset leaves the PIC's way open all the same. */
		if (!lapic_is_software_enabled(lapic) && reg != LAPIC_LVT_LINT0)
			lapic->lvt[LVT(reg)] |= LVT_MASKED;
	}
}
