/* SPDX-License-Identifier: MIT */
/*
 * The LAPIC timer. [SDM3 11.5.4 "APIC Timer"]
 *
 * Nothing counts here: the timer is one absolute deadline, and counts are
 * computed from it when read. settle() brings the state up to date with the
 * clock; every access settles first, so that what came due counts under the
 * LVT entry that was in force then.
 *
 * A timer whose LVT entry is masked asks for no wake-up: what it would have
 * raised is lost anyway, and settle() finds out later that it went by.
 */
#include "engine/core/irqchip/lapic/lapic_internal.h"

/* A shorter period would leave the vCPU nothing but its timer interrupt. */
#define PERIOD_MIN_NS 200000u

#define TICKS_OWED_MAX 32u

static u32 lvt(const struct lapic *lapic)
{
	return lapic->lvt[LVT(LAPIC_LVT_TIMER)];
}

static bool is_tsc_deadline(const struct lapic *lapic)
{
	return (lvt(lapic) & LVT_TIMER_MODE) == LVT_TSC_DEADLINE;
}

static bool is_periodic(const struct lapic *lapic)
{
	return (lvt(lapic) & LVT_TIMER_MODE) == LVT_PERIODIC;
}

/* One decrement of the count: 2^9 ns at most per ns of bus cycle.
 * [SDM3 Figure 11-10 "Divide Configuration Register"] */
static u64 count_ns(const struct lapic *lapic, u32 tdcr)
{
	u32 shift = ((tdcr >> 1 & 4) + (tdcr & 3) + 1) & 7;

	return (u64)lapic->bus->bus_cycle_ns << shift;
}

static u64 period_ns(const struct lapic *lapic)
{
	u64 period = lapic->tmict * count_ns(lapic, lapic->tdcr);

	if (is_periodic(lapic) && period < PERIOD_MIN_NS)
		return PERIOD_MIN_NS;
	return period;
}

static void set_deadline(struct lapic *lapic, u64 deadline_ns)
{
	if (lapic->timer_deadline_ns == deadline_ns)
		return;
	lapic->timer_deadline_ns = deadline_ns;
	lapic->bus->ops->timer_changed(lapic->bus->ctx, lapic->vcpu);
}

void lapic_timer_make_up(struct lapic *lapic)
{
	u8 vector = (u8)(lvt(lapic) & LVT_VECTOR);

	if (!lapic->ticks_owed || vector_set_has(&lapic->irr, vector))
		return;
	/* An illegal vector is an error each time; once is enough. */
	lapic->ticks_owed = vector < APIC_VECTOR_MIN ? 0 : lapic->ticks_owed - 1;
	lapic_lvt_deliver(lapic, LAPIC_LVT_TIMER);
}

static void owe(struct lapic *lapic, u64 ticks)
{
	if ((lvt(lapic) & LVT_MASKED) || !lapic_is_enabled(lapic)) {
		lapic->ticks_owed = 0;
		return;
	}
	lapic->ticks_owed =
		(u32)MIN(lapic->ticks_owed + ticks, (u64)TICKS_OWED_MAX);
	lapic_timer_make_up(lapic);
}

static void settle_periodic(struct lapic *lapic, u64 now)
{
	u64 period = period_ns(lapic);
	u64 ticks = (now - lapic->timer_deadline_ns) / period + 1;

	set_deadline(lapic, lapic->timer_deadline_ns + ticks * period);
	owe(lapic, ticks);
}

static u64 tsc_deadline_ns(const struct lapic *lapic)
{
	const struct lapic_bus *bus = lapic->bus;

	return bus->ops->tsc_to_ns(bus->ctx, lapic->vcpu, lapic->tsc_deadline);
}

/* The TSC decides, not its conversion: a guest must never find RDTSC below
 * the deadline in its handler. */
static void settle_tsc(struct lapic *lapic, u64 now)
{
	const struct lapic_bus *bus = lapic->bus;

	if (bus->ops->guest_tsc(bus->ctx, lapic->vcpu) < lapic->tsc_deadline) {
		set_deadline(lapic, MAX(tsc_deadline_ns(lapic), now + 1));
		return;
	}
	lapic->tsc_deadline = 0;
	set_deadline(lapic, LAPIC_NEVER);
	owe(lapic, 1);
}

static void settle(struct lapic *lapic, u64 now)
{
	if (lapic->timer_deadline_ns == LAPIC_NEVER ||
	    now < lapic->timer_deadline_ns)
		return;
	if (is_tsc_deadline(lapic)) {
		settle_tsc(lapic, now);
	} else if (is_periodic(lapic)) {
		settle_periodic(lapic, now);
	} else {
		set_deadline(lapic, LAPIC_NEVER);
		owe(lapic, 1);
	}
}

void lapic_timer_expire(struct lapic *lapic, u64 now_ns)
{
	settle(lapic, now_ns);
}

u64 lapic_timer_deadline_ns(const struct lapic *lapic)
{
	if (!lapic_is_enabled(lapic) || (lvt(lapic) & LVT_MASKED))
		return LAPIC_NEVER;
	return lapic->timer_deadline_ns;
}

/* --- count-down modes --- */

u32 lapic_timer_count(struct lapic *lapic)
{
	u64 now = lapic_now_ns(lapic);
	u64 count;

	settle(lapic, now);
	if (is_tsc_deadline(lapic) || lapic->timer_deadline_ns == LAPIC_NEVER)
		return 0;
	count = (lapic->timer_deadline_ns - now) / count_ns(lapic, lapic->tdcr);
	return (u32)MIN(count, (u64)lapic->tmict); /* the floor of the period */
}

void lapic_timer_write_tmict(struct lapic *lapic, u32 value)
{
	u64 now = lapic_now_ns(lapic);

	settle(lapic, now);
	if (is_tsc_deadline(lapic))
		return;
	lapic->tmict = value;
	lapic->ticks_owed = 0;
	set_deadline(lapic, value ? now + period_ns(lapic) : LAPIC_NEVER);
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_write_tdcr(struct lapic *lapic, u32 value)
{
	u64 now = lapic_now_ns(lapic);
	u64 old_ns = count_ns(lapic, lapic->tdcr);
	u64 new_ns = count_ns(lapic, value);
	u64 left;

	settle(lapic, now);
	lapic->tdcr = value;
	if (is_tsc_deadline(lapic) || lapic->timer_deadline_ns == LAPIC_NEVER)
		return;
	left = lapic->timer_deadline_ns - now;
	set_deadline(lapic, now + left / old_ns * new_ns +
				    left % old_ns * new_ns / old_ns);
}

void lapic_timer_resume(struct lapic *lapic, u32 count)
{
	u64 left = period_ns(lapic);

	lapic_timer_stop(lapic);
	if (is_tsc_deadline(lapic) || !lapic->tmict ||
	    (!count && !is_periodic(lapic)))
		return;
	if (count)
		left = MIN(left, count * count_ns(lapic, lapic->tdcr));
	set_deadline(lapic, lapic_now_ns(lapic) + left);
}

/* --- TSC-deadline mode [SDM3 11.5.4.1 "TSC-Deadline Mode"] --- */

u64 lapic_tsc_deadline_read(struct lapic *lapic)
{
	settle(lapic, lapic_now_ns(lapic));
	return is_tsc_deadline(lapic) ? lapic->tsc_deadline : 0;
}

void lapic_tsc_deadline_write(struct lapic *lapic, u64 value)
{
	u64 now = lapic_now_ns(lapic);

	settle(lapic, now);
	if (!is_tsc_deadline(lapic))
		return;
	lapic->tsc_deadline = value;
	set_deadline(lapic, value ? tsc_deadline_ns(lapic) : LAPIC_NEVER);
	settle(lapic, now);
}

void lapic_timer_tsc_changed(struct lapic *lapic)
{
	if (!is_tsc_deadline(lapic) || !lapic->tsc_deadline)
		return;
	set_deadline(lapic, tsc_deadline_ns(lapic));
	settle(lapic, lapic_now_ns(lapic));
}

/* --- both --- */

void lapic_timer_stop(struct lapic *lapic)
{
	lapic->tsc_deadline = 0;
	lapic->ticks_owed = 0;
	set_deadline(lapic, LAPIC_NEVER);
}

/* Changing between TSC-deadline mode and the others disarms the timer;
 * between one-shot and periodic the count goes on. */
void lapic_timer_write_lvt(struct lapic *lapic, u32 value)
{
	bool was_tsc_deadline = is_tsc_deadline(lapic);

	settle(lapic, lapic_now_ns(lapic));
	if ((value ^ lvt(lapic)) & (LVT_MASKED | LVT_VECTOR | LVT_TIMER_MODE))
		lapic->ticks_owed = 0;
	lapic->lvt[LVT(LAPIC_LVT_TIMER)] = value;
	if (is_tsc_deadline(lapic) != was_tsc_deadline) {
		lapic_timer_stop(lapic);
		lapic->tmict = 0;
	}
	/* Masked timers have no deadline to be woken for. */
	lapic->bus->ops->timer_changed(lapic->bus->ctx, lapic->vcpu);
}
