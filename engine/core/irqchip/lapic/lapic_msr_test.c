/* SPDX-License-Identifier: MIT */
/* x2APIC and IA32_APIC_BASE: what is #GP and what is not. */
#include "base/test.h"
#include "engine/core/irqchip/lapic/lapic.h"
#include "engine/core/irqchip/lapic/lapic_fixture.h"

static struct fixture f;
static struct lapic *const bsp = &f.lapic[0];

static void start_x2apic(void)
{
	fixture_init(&f);
	fixture_enable(&f);
	fixture_x2apic(&f);
}

static bool reads(u32 msr)
{
	u64 value;

	return lapic_msr_read(bsp, msr, &value);
}

static u64 value_of(u32 msr)
{
	u64 value = 0xdeadbeef;

	check(lapic_msr_read(bsp, msr, &value));
	return value;
}

TEST(the_msrs_fault_outside_x2apic_mode)
{
	fixture_init(&f);
	check(!reads(0x802));
	check(!lapic_msr_write(bsp, 0x808, 0));
	check(lapic_base_write(bsp, LAPIC_BASE_DEFAULT, true));
	check(!reads(0x802));
}

TEST(the_page_is_gone_in_x2apic_mode)
{
	start_x2apic();
	check_eq(lapic_mmio_read(bsp, 0x30, 4) & 0xffffffff, 0xffffffffu);
	lapic_mmio_write(bsp, 0x80, 4, 0x20);
	check_eq(value_of(0x808), 0);
}

TEST(exactly_the_documented_registers_can_be_read)
{
	static const u16 readable[] = {
		0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x828, 0x830, 0x832,
		0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x839, 0x83e,
	};
	u32 next = 0;

	start_x2apic();
	for (u32 msr = LAPIC_MSR_FIRST; msr <= LAPIC_MSR_LAST; msr++) {
		bool is_vector_set = msr >= 0x810 && msr <= 0x827;
		bool is_listed = next < ARRAY_SIZE(readable) &&
				 msr == readable[next];

		next += is_listed;
		check_eq(reads(msr), is_vector_set || is_listed);
	}
	check_eq(next, ARRAY_SIZE(readable));
}

TEST(exactly_the_documented_registers_can_be_written)
{
	static const u16 writable[] = {
		0x808, 0x80b, 0x80f, 0x828, 0x830, 0x832, 0x833,
		0x834, 0x835, 0x836, 0x837, 0x838, 0x83e, 0x83f,
	};
	u32 next = 0;

	start_x2apic();
	for (u32 msr = LAPIC_MSR_FIRST; msr <= LAPIC_MSR_LAST; msr++) {
		bool is_listed = next < ARRAY_SIZE(writable) &&
				 msr == writable[next];

		next += is_listed;
		check_eq(lapic_msr_write(bsp, msr, 0), is_listed);
	}
	check_eq(next, ARRAY_SIZE(writable));
}

TEST(reserved_bits_fault_and_change_nothing)
{
	static const struct {
		u32 msr;
		u64 value;
	} bad[] = {
		{0x808, 0x100},	     {0x80b, 1},	  {0x80f, 0x400},
		{0x80f, 0x1000},     {0x828, 1},	  {0x830, 1u << 13},
		{0x830, 1u << 16},   {0x830, 1u << 20},	  {0x832, 0x100},
		{0x832, 1u << 19},   {0x833, 1u << 13},	  {0x835, 1u << 17},
		{0x837, 0x700},	     {0x83e, 4},	  {0x83f, 0x100},
		{0x808, 1ull << 32}, {0x838, 1ull << 32}, {0x832, 1ull << 63},
	};

	start_x2apic();
	lapic_msr_write(bsp, 0x808, 0x10);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		check(!lapic_msr_write(bsp, bad[i].msr, bad[i].value));
	check_eq(value_of(0x808), 0x10);
	check_eq(value_of(0x80f), 0x1ff);
	check_eq(lapic_has_interrupt(bsp), -1);
}

TEST(read_only_bits_of_lvt_entries_are_no_fault)
{
	start_x2apic();
	check(lapic_msr_write(bsp, 0x835, 0x1d700));
	check_eq(value_of(0x835), 0x18700);
	check(lapic_msr_write(bsp, 0x832, 1u << 12 | 0x30));
	check_eq(value_of(0x832), 0x30);
}

TEST(the_tsc_deadline_mode_bit_is_reserved_unless_offered)
{
	start_x2apic();
	check(lapic_msr_write(bsp, 0x832, 1u << 18 | 0x30));
	lapic_set_features(bsp, LAPIC_HAS_X2APIC, 36);
	check(!lapic_msr_write(bsp, 0x832, 1u << 18 | 0x30));
}

TEST(the_id_is_32_bits_and_the_icr_64)
{
	u64 id;

	start_x2apic();
	check(lapic_msr_read(&f.lapic[2], 0x802, &id));
	check_eq(id, 2);
	check(lapic_msr_write(bsp, 0x830, 3ull << 32 | 0x5040));
	check_eq(value_of(0x830), 3ull << 32 | 0x4040);
	check_eq(lapic_has_interrupt(&f.lapic[3]), 0x40);
	check(lapic_msr_write(bsp, 0x830, 0xffffffffull << 32 | 0x400));
	for (u32 i = 0; i < FIXTURE_VCPUS; i++)
		check_eq(f.events[i][LAPIC_EVENT_NMI], 1);
}

TEST(self_ipi_raises_an_edge_here)
{
	start_x2apic();
	check(lapic_msr_write(bsp, 0x83f, 0x77));
	check_eq(lapic_has_interrupt(bsp), 0x77);
	check(lapic_msr_write(bsp, 0x83f, 0x07));
	check(lapic_msr_write(bsp, 0x828, 0));
	check_eq(value_of(0x828), 0x20);
}

TEST(eoi_by_msr_ends_the_service)
{
	start_x2apic();
	lapic_msr_write(bsp, 0x83f, 0x77);
	lapic_accept(bsp, 0x77);
	check_eq(value_of(0x813), 1u << 0x17);
	check(lapic_msr_write(bsp, 0x80b, 0));
	check_eq(value_of(0x813), 0);
}

TEST(apic_base_takes_legal_steps_only)
{
	u64 off = LAPIC_BASE_DEFAULT | LAPIC_BASE_BSP;
	u64 xapic = off | LAPIC_BASE_EN;
	u64 x2apic = xapic | LAPIC_BASE_EXTD;

	fixture_init(&f);
	check(!lapic_base_write(bsp, off | LAPIC_BASE_EXTD, true));
	check(lapic_base_write(bsp, off, true));
	check(!lapic_base_write(bsp, x2apic, true));
	check(lapic_base_write(bsp, xapic, true));
	check(lapic_base_write(bsp, x2apic, true));
	check(!lapic_base_write(bsp, xapic, true));
	check(lapic_base_write(bsp, x2apic, true));
	check(lapic_base_write(bsp, off, true));
	check_eq(bsp->base, off);
}

TEST(the_client_may_step_as_it_likes_between_legal_modes)
{
	u64 xapic = LAPIC_BASE_DEFAULT | LAPIC_BASE_EN;

	fixture_init(&f);
	check(lapic_base_write(bsp, xapic | LAPIC_BASE_EXTD, false));
	check(lapic_base_write(bsp, xapic, false));
	check(!lapic_base_write(bsp, LAPIC_BASE_DEFAULT | LAPIC_BASE_EXTD,
				false));
}

TEST(apic_base_has_reserved_bits)
{
	u64 good = LAPIC_BASE_DEFAULT | LAPIC_BASE_EN;

	fixture_init(&f);
	check(!lapic_base_write(bsp, good | 1, true));
	check(!lapic_base_write(bsp, good | 1u << 9, true));
	check(!lapic_base_write(bsp, good | 1ull << 36, true));
	check(lapic_base_write(bsp, good | 1ull << 35, true));
	check_eq(lapic_page(bsp), LAPIC_BASE_DEFAULT | 1ull << 35);
	lapic_set_features(bsp, 0, 36);
	check(!lapic_base_write(bsp, good | LAPIC_BASE_EXTD, true));
}

TEST(coming_back_to_xapic_restores_the_reset_id)
{
	fixture_init(&f);
	mmio_write(&f.lapic[2], LAPIC_ID, 9u << 24);
	check(lapic_base_write(&f.lapic[2], LAPIC_BASE_DEFAULT, true));
	check(lapic_base_write(&f.lapic[2], LAPIC_BASE_DEFAULT | LAPIC_BASE_EN,
			       true));
	check_eq(mmio_read(&f.lapic[2], LAPIC_ID), 2u << 24);
	check_eq(mmio_read(&f.lapic[2], LAPIC_LDR), 0);
}
