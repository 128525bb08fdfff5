/* SPDX-License-Identifier: MIT */
/*
 * For the tests of this room: a bus of LAPICs, a clock that the test turns,
 * and a record of what the LAPICs told the world. One guest TSC tick is one
 * nanosecond, from TSC_AT_ZERO on.
 */
#ifndef ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_FIXTURE_H
#define ENGINE_CORE_IRQCHIP_LAPIC_LAPIC_FIXTURE_H

#include "engine/core/irqchip/lapic/lapic.h"

#define FIXTURE_VCPUS 4
#define TSC_AT_ZERO   1000000u

struct fixture {
	struct lapic_bus bus;
	struct lapic lapic[FIXTURE_VCPUS];
	u64 now_ns;
	u32 kicks[FIXTURE_VCPUS];
	u32 events[FIXTURE_VCPUS][LAPIC_EVENT_SIPI + 1];
	u8 sipi_vector;
	u32 eois;
	u8 eoi_vector;
	bool eoi_broadcast;
};

static u64 fixture_now_ns(void *ctx)
{
	return ((struct fixture *)ctx)->now_ns;
}

static u64 fixture_guest_tsc(void *ctx, u32 vcpu)
{
	(void)vcpu;
	return ((struct fixture *)ctx)->now_ns + TSC_AT_ZERO;
}

static u64 fixture_tsc_to_ns(void *ctx, u32 vcpu, u64 tsc)
{
	(void)ctx;
	(void)vcpu;
	return tsc < TSC_AT_ZERO ? 0 : tsc - TSC_AT_ZERO;
}

static void fixture_kick(void *ctx, u32 vcpu)
{
	((struct fixture *)ctx)->kicks[vcpu]++;
}

static void fixture_event(void *ctx, u32 vcpu, enum lapic_event event, u8 vector)
{
	struct fixture *f = ctx;

	f->events[vcpu][event]++;
	if (event == LAPIC_EVENT_SIPI)
		f->sipi_vector = vector;
}

static void fixture_eoi(void *ctx, u32 vcpu, u8 vector, bool broadcast)
{
	struct fixture *f = ctx;

	(void)vcpu;
	f->eois++;
	f->eoi_vector = vector;
	f->eoi_broadcast = broadcast;
}

static void fixture_timer_changed(void *ctx, u32 vcpu)
{
	(void)ctx;
	(void)vcpu;
}

static const struct lapic_ops fixture_ops = {
	.now_ns = fixture_now_ns,
	.guest_tsc = fixture_guest_tsc,
	.tsc_to_ns = fixture_tsc_to_ns,
	.kick = fixture_kick,
	.event = fixture_event,
	.eoi = fixture_eoi,
	.timer_changed = fixture_timer_changed,
};

/* Four LAPICs, 0 the BSP, x2APIC and TSC deadline offered. */
static inline void fixture_init(struct fixture *f)
{
	__builtin_memset(f, 0, sizeof(*f));
	lapic_bus_init(&f->bus, &fixture_ops, f);
	for (u32 i = 0; i < FIXTURE_VCPUS; i++) {
		lapic_init(&f->lapic[i], &f->bus, i, i == 0);
		lapic_set_features(&f->lapic[i],
				   LAPIC_HAS_X2APIC | LAPIC_HAS_TSC_DEADLINE,
				   36);
	}
}

static inline u32 mmio_read(struct lapic *lapic, enum lapic_reg reg)
{
	return (u32)lapic_mmio_read(lapic, (u32)reg << 4, 4);
}

static inline void mmio_write(struct lapic *lapic, enum lapic_reg reg, u32 value)
{
	lapic_mmio_write(lapic, (u32)reg << 4, 4, value);
}

/* As an OS starts: every LAPIC enabled by software. */
static inline void fixture_enable(struct fixture *f)
{
	for (u32 i = 0; i < FIXTURE_VCPUS; i++)
		mmio_write(&f->lapic[i], LAPIC_SVR, 0x1ff);
}

static inline void fixture_x2apic(struct fixture *f)
{
	for (u32 i = 0; i < FIXTURE_VCPUS; i++)
		(void)lapic_base_write(
			&f->lapic[i], f->lapic[i].base | LAPIC_BASE_EXTD, true);
}

#endif
