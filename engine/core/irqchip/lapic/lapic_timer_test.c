/* SPDX-License-Identifier: MIT */
#include "base/test.h"
#include "engine/core/irqchip/lapic/lapic.h"
#include "engine/core/irqchip/lapic/lapic_fixture.h"

#define VECTOR	     0x40u
#define MASKED	     0x10000u
#define PERIODIC     0x20000u
#define TSC_DEADLINE 0x40000u
#define DIVIDE_BY_1  0xbu
#define DIVIDE_BY_16 0x3u

static struct fixture f;
static struct lapic *const bsp = &f.lapic[0];

static void start(u32 lvt, u32 tdcr)
{
	fixture_init(&f);
	fixture_enable(&f);
	f.now_ns = 1000;
	mmio_write(bsp, LAPIC_LVT_TIMER, lvt);
	mmio_write(bsp, LAPIC_TDCR, tdcr);
}

/* Turns the clock and does what the engine's timer would. */
static void run_to(u64 now_ns)
{
	f.now_ns = now_ns;
	if (lapic_timer_deadline_ns(bsp) <= now_ns)
		lapic_timer_expire(bsp, now_ns);
}

/* Serves the timer's interrupt; whether there was one. */
static bool serve(void)
{
	if (lapic_has_interrupt(bsp) != (int)VECTOR)
		return false;
	lapic_accept(bsp, VECTOR);
	lapic_eoi(bsp);
	return true;
}

TEST(one_shot_fires_once_and_its_count_stays_0)
{
	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 500);
	check_eq(lapic_timer_deadline_ns(bsp), 1500);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 500);
	run_to(1499);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 1);
	check(!serve());
	run_to(1500);
	check(serve());
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 0);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
	run_to(100000);
	check(!serve());
	check_eq(mmio_read(bsp, LAPIC_TMICT), 500);
}

TEST(every_divide_value_divides)
{
	static const u8 tdcr[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};

	for (u32 i = 0; i < ARRAY_SIZE(tdcr); i++) {
		start(VECTOR, tdcr[i]);
		mmio_write(bsp, LAPIC_TMICT, 1000);
		check_eq(lapic_timer_deadline_ns(bsp), 1000 + (1000ull << i));
	}
}

TEST(the_largest_count_does_not_overflow)
{
	start(VECTOR | PERIODIC, 0xa);
	mmio_write(bsp, LAPIC_TMICT, 0xffffffff);
	check_eq(lapic_timer_deadline_ns(bsp), 1000 + (0xffffffffull << 7));
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 0xffffffffu);
}

TEST(changing_the_divisor_keeps_the_count)
{
	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000);
	run_to(1400);
	mmio_write(bsp, LAPIC_TDCR, DIVIDE_BY_16);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 600);
	check_eq(lapic_timer_deadline_ns(bsp), 1400 + 600 * 16);
}

TEST(periodic_keeps_its_phase_when_served_late)
{
	start(VECTOR | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1001000);
	check(serve());
	run_to(2001000 + 700);
	check(serve());
	check_eq(lapic_timer_deadline_ns(bsp), 3001000);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 1000000 - 700);
}

TEST(lost_ticks_are_made_up_one_by_one_and_bounded)
{
	u32 ticks = 0;

	start(VECTOR | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1000 + 5 * 1000000 + 3);
	while (serve())
		ticks++;
	check_eq(ticks, 5);
	check_eq(lapic_timer_deadline_ns(bsp), 1000 + 6 * 1000000);
	run_to(1000 + 1000000000ull);
	for (ticks = 0; serve(); ticks++)
		check(ticks < 100);
	check_eq(ticks, 32);
}

TEST(a_tick_owed_is_requested_while_the_last_one_is_served)
{
	start(VECTOR | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1000 + 2 * 1000000);
	lapic_accept(bsp, VECTOR);
	check_eq(lapic_has_interrupt(bsp), -1);
	check(vector_set_has(&bsp->irr, VECTOR));
	lapic_eoi(bsp);
	check(serve());
	check(!serve());
}

TEST(stopping_the_timer_cancels_what_is_owed)
{
	start(VECTOR | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1000 + 5 * 1000000);
	mmio_write(bsp, LAPIC_TMICT, 0);
	check(serve()); /* was requested already */
	check(!serve());
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
}

TEST(too_short_a_period_is_stretched)
{
	start(VECTOR | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1);
	check_eq(lapic_timer_deadline_ns(bsp), 1000 + 200000);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 1);
}

TEST(what_comes_due_under_the_mask_is_lost)
{
	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 500);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR | MASKED);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
	run_to(5000);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR);
	check(!serve());
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 0);
}

TEST(a_masked_timer_counts_and_fires_if_unmasked_in_time)
{
	start(VECTOR | MASKED | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1000 + 2300000);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 700000);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR | PERIODIC);
	check_eq(lapic_timer_deadline_ns(bsp), 1000 + 3000000);
	run_to(1000 + 3000000);
	check(serve());
	check(!serve());
}

TEST(tsc_deadline_fires_when_the_tsc_is_there)
{
	start(VECTOR | TSC_DEADLINE, DIVIDE_BY_1);
	lapic_tsc_deadline_write(bsp, TSC_AT_ZERO + 8000);
	check_eq(lapic_tsc_deadline_read(bsp), TSC_AT_ZERO + 8000);
	check_eq(lapic_timer_deadline_ns(bsp), 8000);
	run_to(7999);
	check(!serve());
	run_to(8000);
	check(serve());
	check_eq(lapic_tsc_deadline_read(bsp), 0);
	lapic_tsc_deadline_write(bsp, 1); /* long gone: at once */
	check(serve());
	lapic_tsc_deadline_write(bsp, TSC_AT_ZERO + 20000);
	lapic_tsc_deadline_write(bsp, 0);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
}

TEST(an_early_wake_up_does_not_fire_a_tsc_deadline)
{
	start(VECTOR | TSC_DEADLINE, DIVIDE_BY_1);
	lapic_tsc_deadline_write(bsp, TSC_AT_ZERO + 8000);
	f.now_ns = 7000;
	lapic_timer_expire(bsp, 9000); /* a clock ahead of the TSC */
	check(!serve());
	check(lapic_timer_deadline_ns(bsp) > 9000);
}

TEST(modes_do_not_leak_into_each_other)
{
	start(VECTOR, DIVIDE_BY_1);
	lapic_tsc_deadline_write(bsp, TSC_AT_ZERO + 5000);
	check_eq(lapic_tsc_deadline_read(bsp), 0);
	mmio_write(bsp, LAPIC_TMICT, 5000);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
	check_eq(mmio_read(bsp, LAPIC_TMICT), 0);
	mmio_write(bsp, LAPIC_TMICT, 77);
	check_eq(mmio_read(bsp, LAPIC_TMICT), 0);
	lapic_tsc_deadline_write(bsp, TSC_AT_ZERO + 5000);
	check_eq(mmio_read(bsp, LAPIC_TMCCT), 0);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
}

TEST(one_shot_turned_periodic_goes_on_counting)
{
	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	mmio_write(bsp, LAPIC_LVT_TIMER, VECTOR | PERIODIC);
	run_to(1001000);
	check(serve());
	check_eq(lapic_timer_deadline_ns(bsp), 2001000);
}

TEST(a_timer_with_an_illegal_vector_is_an_error_and_does_not_hang)
{
	start(0x05 | PERIODIC, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 1000000);
	run_to(1000 + 100 * 1000000ull);
	check_eq(lapic_has_interrupt(bsp), -1);
	mmio_write(bsp, LAPIC_ESR, 0);
	check_eq(mmio_read(bsp, LAPIC_ESR), 0x40);
}

TEST(a_restored_one_shot_that_had_fired_does_not_fire_again)
{
	struct kvm_lapic_state state;

	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 500);
	run_to(1500);
	check(serve());
	lapic_get_state(bsp, &state);
	check_eq(lapic_set_state(bsp, &state), 0);
	check_eq(lapic_timer_deadline_ns(bsp), LAPIC_NEVER);
}

TEST(a_saved_count_above_the_initial_one_is_cut)
{
	struct kvm_lapic_state state;
	u32 count = 0xffffffff;

	start(VECTOR, DIVIDE_BY_1);
	mmio_write(bsp, LAPIC_TMICT, 500);
	lapic_get_state(bsp, &state);
	memcpy(state.regs + 0x390, &count, sizeof(count));
	check_eq(lapic_set_state(bsp, &state), 0);
	check_eq(lapic_timer_deadline_ns(bsp), 1500);
}
