/* SPDX-License-Identifier: MIT */
/* Destinations and IPIs. */
#include "base/test.h"
#include "engine/core/irqchip/lapic/lapic.h"
#include "engine/core/irqchip/lapic/lapic_fixture.h"

#define VECTOR	0x40
#define LOGICAL 0x800u
#define ASSERT	0x4000u
#define LEVEL	0x8000u
#define SELF	0x40000u
#define ALL	0x80000u
#define OTHERS	0xc0000u

static struct fixture f;

static void start(void)
{
	fixture_init(&f);
	fixture_enable(&f);
}

static int send(u32 dest, bool logical, u8 delivery)
{
	struct apic_msg msg = {
		.dest = dest,
		.vector = VECTOR,
		.delivery = delivery,
		.logical = logical,
	};

	return lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST);
}

/* Which vCPUs have VECTOR requested, as bits; and forgets it. */
static u32 receivers(void)
{
	u32 who = 0;

	for (u32 i = 0; i < FIXTURE_VCPUS; i++) {
		if (vector_set_has(&f.lapic[i].irr, VECTOR))
			who |= 1u << i;
		vector_set_remove(&f.lapic[i].irr, VECTOR);
	}
	return who;
}

static u32 event_receivers(enum lapic_event event)
{
	u32 who = 0;

	for (u32 i = 0; i < FIXTURE_VCPUS; i++) {
		who |= (f.events[i][event] != 0) << i;
		f.events[i][event] = 0;
	}
	return who;
}

static void ipi(u32 from, u32 dest, u32 command)
{
	mmio_write(&f.lapic[from], LAPIC_ICR2, dest << 24);
	mmio_write(&f.lapic[from], LAPIC_ICR, command);
}

TEST(a_physical_destination_is_one_lapic_or_all)
{
	start();
	check_eq(send(2, false, APIC_FIXED), 1);
	check_eq(receivers(), 4);
	check_eq(send(9, false, APIC_FIXED), -1);
	check_eq(receivers(), 0);
	check_eq(send(0xff, false, APIC_FIXED), 4);
	check_eq(receivers(), 15);
}

TEST(a_renumbered_xapic_answers_to_its_new_id)
{
	start();
	mmio_write(&f.lapic[1], LAPIC_ID, 7u << 24);
	check_eq(send(1, false, APIC_FIXED), -1);
	check_eq(send(7, false, APIC_FIXED), 1);
	check_eq(receivers(), 2);
}

TEST(flat_logical_destinations_are_a_bit_each)
{
	start();
	for (u32 i = 0; i < FIXTURE_VCPUS; i++)
		mmio_write(&f.lapic[i], LAPIC_LDR, 1u << (24 + i));
	check_eq(send(0x5, true, APIC_FIXED), 2);
	check_eq(receivers(), 5);
	check_eq(send(0x80, true, APIC_FIXED), -1);
	check_eq(send(0, true, APIC_FIXED), -1);
	check_eq(send(0xff, true, APIC_FIXED), 4);
	check_eq(receivers(), 15);
}

TEST(cluster_logical_destinations_are_a_cluster_and_bits_in_it)
{
	start();
	for (u32 i = 0; i < FIXTURE_VCPUS; i++) {
		mmio_write(&f.lapic[i], LAPIC_DFR, 0);
		mmio_write(&f.lapic[i], LAPIC_LDR,
			   (i / 2 << 4 | 1u << i % 2) << 24);
	}
	check_eq(mmio_read(&f.lapic[0], LAPIC_DFR), 0x0fffffff);
	check_eq(send(0x12, true, APIC_FIXED), 1);
	check_eq(receivers(), 8);
	check_eq(send(0x03, true, APIC_FIXED), 2);
	check_eq(receivers(), 3);
	check_eq(send(0x20, true, APIC_FIXED), -1);
}

TEST(a_dfr_of_no_model_matches_nothing_logical)
{
	start();
	mmio_write(&f.lapic[0], LAPIC_LDR, 1u << 24);
	mmio_write(&f.lapic[0], LAPIC_DFR, 0x70000000);
	check_eq(send(1, true, APIC_FIXED), -1);
}

TEST(x2apic_logical_ids_follow_from_the_ids)
{
	u64 ldr;

	start();
	fixture_x2apic(&f);
	check(lapic_msr_read(&f.lapic[3], 0x80d, &ldr));
	check_eq(ldr, 8);
	check_eq(send(0x0000000a, true, APIC_FIXED), 2);
	check_eq(receivers(), 10);
	check_eq(send(0x0001000f, true, APIC_FIXED), -1);
}

TEST(an_8_bit_broadcast_reaches_x2apics_by_quirk_only)
{
	start();
	fixture_x2apic(&f);
	check_eq(send(0xff, false, APIC_FIXED), 4);
	check_eq(receivers(), 15);
	f.bus.broadcast_quirk = false;
	check_eq(send(0xff, false, APIC_FIXED), -1);
	check_eq(send(0xffffffff, false, APIC_FIXED), 4);
	check_eq(receivers(), 15);
}

TEST(lowest_priority_prefers_the_idle_and_takes_turns_among_equals)
{
	u32 seen = 0;

	start();
	for (u32 i = 0; i < 4; i++) {
		check_eq(send(0xff, false, APIC_LOWEST_PRIORITY), 1);
		seen |= receivers();
	}
	check_eq(seen, 15);
	for (u32 i = 0; i < 3; i++)
		lapic_cr8_write(&f.lapic[i], 8);
	for (u32 i = 0; i < 3; i++) {
		check_eq(send(0xff, false, APIC_LOWEST_PRIORITY), 1);
		check_eq(receivers(), 8);
	}
	mmio_write(&f.lapic[3], LAPIC_SVR, 0xff); /* disabled: not asked */
	check_eq(send(0xff, false, APIC_LOWEST_PRIORITY), 1);
	check_eq(receivers() & 8, 0);
}

TEST(an_msi_with_the_redirection_hint_goes_to_one)
{
	struct apic_msg msg = {
		.dest = 0xff, .vector = VECTOR, .redirectable = true};

	start();
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), 1);
	check_eq(__builtin_popcount(receivers()), 1);
}

TEST(an_ipi_goes_where_icr2_says)
{
	start();
	ipi(0, 2, ASSERT | VECTOR);
	check_eq(receivers(), 4);
	check_eq(mmio_read(&f.lapic[0], LAPIC_ICR), ASSERT | VECTOR);
	check_eq(mmio_read(&f.lapic[0], LAPIC_ICR2), 2u << 24);
	mmio_write(&f.lapic[3], LAPIC_LDR, 1u << 24);
	ipi(0, 1, ASSERT | LOGICAL | VECTOR);
	check_eq(receivers(), 8);
}

TEST(shorthands_do_not_look_at_the_destination)
{
	start();
	ipi(1, 3, ASSERT | SELF | VECTOR);
	check_eq(receivers(), 2);
	ipi(1, 3, ASSERT | ALL | VECTOR);
	check_eq(receivers(), 15);
	ipi(1, 3, ASSERT | OTHERS | VECTOR);
	check_eq(receivers(), 13);
}

TEST(nmi_smi_init_and_sipi_become_events)
{
	start();
	ipi(0, 1, ASSERT | APIC_NMI << 8);
	check_eq(event_receivers(LAPIC_EVENT_NMI), 2);
	ipi(0, 1, ASSERT | APIC_SMI << 8);
	check_eq(event_receivers(LAPIC_EVENT_SMI), 2);
	ipi(0, 0, ASSERT | OTHERS | APIC_INIT << 8);
	check_eq(event_receivers(LAPIC_EVENT_INIT), 14);
	ipi(0, 0, LEVEL | OTHERS | APIC_INIT << 8); /* de-assert */
	check_eq(event_receivers(LAPIC_EVENT_INIT), 0);
	ipi(0, 3, ASSERT | APIC_STARTUP << 8 | 0x9a);
	check_eq(event_receivers(LAPIC_EVENT_SIPI), 8);
	check_eq(f.sipi_vector, 0x9a);
}

TEST(a_level_ipi_without_assert_is_nothing)
{
	start();
	ipi(0, 1, LEVEL | VECTOR);
	check_eq(receivers(), 0);
	ipi(0, 1, LEVEL | ASSERT | VECTOR);
	check_eq(receivers(), 2);
}

TEST(sending_an_illegal_vector_is_the_senders_error)
{
	start();
	ipi(0, 1, ASSERT | 0x0f);
	mmio_write(&f.lapic[0], LAPIC_ESR, 0);
	mmio_write(&f.lapic[1], LAPIC_ESR, 0);
	check_eq(mmio_read(&f.lapic[0], LAPIC_ESR), 0x20);
	check_eq(mmio_read(&f.lapic[1], LAPIC_ESR), 0);
}

TEST(an_xapic_above_255_is_reached_by_its_whole_id)
{
	static struct lapic high;
	/* Names it, and does nothing to it: the fixture has no room. */
	struct apic_msg msg = {.dest = 300, .delivery = APIC_REMOTE_READ};

	start();
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), -1);
	lapic_init(&high, &f.bus, 300, false);
	check_eq(mmio_read(&high, LAPIC_ID), (300u & 0xff) << 24);
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), 0);
	msg.dest = 301;
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), -1);
	msg.dest = 300 & 0xff;
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), 0);
	lapic_release(&high);
	check_eq(lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST), -1);
	check_eq(f.bus.count, 4);
}

TEST(a_vector_is_in_flight_until_its_end)
{
	struct apic_msg msg = {.dest = 1, .vector = VECTOR};

	start();
	check(!lapic_bus_is_in_flight(&f.bus, &msg));
	lapic_bus_send(&f.bus, &msg, NULL, APIC_TO_DEST);
	check(lapic_bus_is_in_flight(&f.bus, &msg));
	lapic_accept(&f.lapic[1], VECTOR);
	check(lapic_bus_is_in_flight(&f.bus, &msg));
	lapic_eoi(&f.lapic[1]);
	check(!lapic_bus_is_in_flight(&f.bus, &msg));
}
