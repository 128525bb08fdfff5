/* SPDX-License-Identifier: MIT */
#include "engine/core/irqchip/pit/pit.h"

#include "base/test.h"

#define MS 1000000ull
#define S  1000000000ull

static struct fixture {
	struct pit pit;
	u64 now_ns;
	u32 ticks; /* IRQ 0 pulses */
	int answer;
} f;

static u64 now_ns(void *ctx)
{
	(void)ctx;
	return f.now_ns;
}

static int irq0(void *ctx)
{
	(void)ctx;
	if (f.answer > 0)
		f.ticks++;
	return f.answer;
}

static void timer_changed(void *ctx)
{
	(void)ctx;
}

static const struct pit_ops ops = {
	.now_ns = now_ns,
	.irq0 = irq0,
	.timer_changed = timer_changed,
};

static void start(void)
{
	memset(&f, 0, sizeof(f));
	f.answer = 1;
	f.now_ns = 12345;
	pit_init(&f.pit, &ops, NULL);
}

static void out(u16 port, u32 value)
{
	check(pit_write(&f.pit, port, (u8)value));
}

static u8 in(u16 port)
{
	u8 value = 0;

	check(pit_read(&f.pit, port, &value));
	return value;
}

static void program(u32 channel, u32 control, u32 count)
{
	out(0x43, channel << 6 | control);
	out((u16)(0x40 + channel), count & 0xff);
	out((u16)(0x40 + channel), count >> 8);
}

static u32 latched(u32 channel)
{
	u32 lsb;

	out(0x43, channel << 6);
	lsb = in((u16)(0x40 + channel));
	return lsb | (u32)in((u16)(0x40 + channel)) << 8;
}

static u8 status(u32 channel)
{
	out(0x43, 0xe0u | 2u << channel);
	return in((u16)(0x40 + channel));
}

static bool out_pin(u32 channel)
{
	return status(channel) & 0x80;
}

/* Goes on by whole PIT clocks; the margin keeps clear of rounding. */
static void clocks(u64 n)
{
	static const u64 ns_per_clock_num = S, ns_per_clock_den = 1193182;

	f.now_ns += (n * ns_per_clock_num + ns_per_clock_den - 1) /
		    ns_per_clock_den;
}

/* Turns the clock by deadlines, as the engine's timer does. The guest serves
 * each tick if `serves`. */
static void run(u64 ns, bool serves)
{
	u64 end = f.now_ns + ns;

	while (pit_deadline_ns(&f.pit) <= end) {
		u32 before = f.ticks;

		f.now_ns = MAX(f.now_ns, pit_deadline_ns(&f.pit));
		pit_expire(&f.pit, f.now_ns);
		if (serves && f.ticks != before)
			pit_acked(&f.pit);
	}
	f.now_ns = end;
}

TEST(mode_2_ticks_at_the_programmed_rate)
{
	start();
	program(0, 0x34, 11932); /* 100 Hz */
	check_eq(pit_deadline_ns(&f.pit), 12345 + 10000151);
	run(10 * S, true);
	check_eq(f.ticks, 999); /* 1193182 / 11932 is a bit below 100 */
	run(10 * MS, true);
	check_eq(f.ticks, 1000);
}

TEST(mode_2_counts_from_n_down_to_1)
{
	start();
	program(1, 0x34, 1000);
	check_eq(latched(1), 1000);
	check(out_pin(1));
	clocks(400);
	check_eq(latched(1), 600);
	clocks(599);
	check_eq(latched(1), 1);
	check(!out_pin(1));
	clocks(1);
	check_eq(latched(1), 1000);
	check(out_pin(1));
}

TEST(mode_3_is_a_square_wave_and_counts_by_twos)
{
	start();
	program(1, 0x36, 1000);
	check_eq(latched(1), 1000);
	clocks(100);
	check_eq(latched(1), 800);
	check(out_pin(1));
	clocks(400);
	check_eq(latched(1), 1000);
	check(!out_pin(1));
	clocks(499);
	check_eq(latched(1), 2);
	check(!out_pin(1));
	clocks(1);
	check(out_pin(1));
}

TEST(mode_3_with_an_odd_count_is_high_one_clock_longer)
{
	start();
	program(1, 0x36, 5);
	for (u32 i = 0; i < 10; i++) {
		check_eq(out_pin(1), i % 5 < 3);
		check_eq(latched(1) & 1, 0);
		clocks(1);
	}
}

TEST(mode_0_goes_high_at_the_end_and_counts_on)
{
	start();
	out(0x43, 0x30);
	check(!out_pin(0));
	check(status(0) & 0x40); /* null count */
	out(0x40, 0xe8);
	out(0x40, 0x03);
	check_eq(status(0), 0x30);
	clocks(999);
	check(!out_pin(0));
	clocks(1);
	check_eq(latched(0), 0);
	check(out_pin(0));
	check_eq(f.ticks, 1);
	clocks(10);
	check_eq(latched(0), 0xfff6);
	run(S, true);
	check_eq(f.ticks, 1);
	check_eq(pit_deadline_ns(&f.pit), PIT_NEVER);
}

TEST(the_first_byte_stops_mode_0_and_the_second_starts_it)
{
	start();
	program(0, 0x30, 1000);
	clocks(500);
	out(0x40, 100);
	clocks(700);
	check_eq(f.ticks, 0);
	check(!out_pin(0));
	out(0x40, 0);
	check_eq(pit_deadline_ns(&f.pit) - f.now_ns, 83810);
	run(1 * MS, true);
	check_eq(f.ticks, 1);
}

TEST(mode_4_strobes_low_for_one_clock)
{
	start();
	program(0, 0x38, 2000);
	check(out_pin(0));
	clocks(2000);
	check(!out_pin(0));
	check_eq(f.ticks, 0);
	clocks(1);
	check(out_pin(0));
	check_eq(f.ticks, 1);
	run(S, true);
	check_eq(f.ticks, 1);
}

TEST(modes_1_and_5_wait_for_the_gate)
{
	start();
	program(2, 0x32, 1000); /* mode 1 */
	clocks(5000);
	check(out_pin(2));
	out(0x61, 1);
	check(!out_pin(2));
	clocks(600);
	out(0x61, 0); /* the level does not matter */
	out(0x61, 1); /* a second trigger starts over */
	clocks(999);
	check(!out_pin(2));
	clocks(1);
	check(out_pin(2));
	out(0x61, 0);
	program(2, 0x3a, 1000); /* mode 5 */
	clocks(1000);
	check(out_pin(2));
	out(0x61, 1);
	clocks(1000);
	check(!out_pin(2));
	clocks(1);
	check(out_pin(2));
}

TEST(modes_6_and_7_are_2_and_3)
{
	start();
	program(1, 0x3c, 100);
	check_eq(status(1) & 0x0e, 2 << 1);
	program(1, 0x3e, 100);
	check_eq(status(1) & 0x0e, 3 << 1);
}

TEST(a_gate_stops_mode_0_and_lets_it_go_on)
{
	start();
	out(0x61, 1);
	program(2, 0x30, 1000);
	clocks(300);
	out(0x61, 0);
	clocks(5000);
	check_eq(latched(2), 700);
	out(0x61, 1);
	clocks(699);
	check(!(in(0x61) & 0x20));
	clocks(2);
	check(in(0x61) & 0x20);
}

TEST(a_gate_restarts_mode_2_and_forces_out_high)
{
	start();
	out(0x61, 1);
	program(2, 0x34, 1000);
	clocks(999);
	check(!out_pin(2));
	out(0x61, 0);
	check(out_pin(2));
	clocks(77);
	out(0x61, 1);
	check_eq(latched(2), 1000);
}

TEST(linux_calibrates_against_channel_2)
{
	u64 began;
	u32 reads = 0;

	start();
	out(0x61, (in(0x61) & ~0x02u) | 0x01);
	out(0x43, 0xb0);	 /* channel 2, both bytes, mode 0 */
	out(0x42, 59659 & 0xff); /* 50 ms */
	out(0x42, 59659 >> 8);
	began = f.now_ns;
	while (!(in(0x61) & 0x20)) {
		f.now_ns += 1000;
		check(++reads < 100000);
	}
	check((f.now_ns - began) / 1000 >= 49999);
	check((f.now_ns - began) / 1000 <= 50002);
}

TEST(linux_calibrates_by_the_msb_of_a_running_count)
{
	u32 last = 0xff, changes = 0;

	start();
	out(0x61, 1);
	out(0x43, 0xb0);
	out(0x42, 0xff);
	out(0x42, 0xff);
	for (u32 i = 0; i < 3000; i++) {
		u32 msb;

		in(0x42);
		msb = in(0x42);
		changes += msb != last;
		check(msb == last || msb == last - 1);
		last = msb;
		f.now_ns += 1000;
	}
	check_eq(changes, 13); /* 3 ms are 3579 clocks */
}

TEST(port_61_shows_what_it_holds)
{
	start();
	out(0x61, 0xff);
	check_eq(in(0x61) & 0x0f, 3);
	out(0x61, 0);
	check_eq(in(0x61) & 0x0f, 0);
	f.now_ns = 0;
	check_eq(in(0x61) & 0x10, 0);
	f.now_ns = 15085;
	check_eq(in(0x61) & 0x10, 0x10);
	f.now_ns = 2 * 15085;
	check_eq(in(0x61) & 0x10, 0);
}

TEST(a_latch_holds_until_both_bytes_are_read)
{
	start();
	program(1, 0x34, 0x1234);
	out(0x43, 0x40);
	clocks(100);
	out(0x43, 0x40); /* ignored: the first holds */
	check_eq(in(0x41), 0x34);
	clocks(100);
	check_eq(in(0x41), 0x12);
	check_eq(latched(1), 0x1234 - 200);
}

TEST(single_byte_access_reads_and_writes_that_byte)
{
	start();
	out(0x43, 0x54); /* channel 1, LSB, mode 2: the PC's refresh */
	out(0x41, 18);
	check_eq(in(0x41), 18);
	clocks(5);
	check_eq(in(0x41), 13);
	out(0x43, 0x64); /* MSB */
	out(0x41, 0x20);
	check_eq(in(0x41), 0x20);
	clocks(1);
	check_eq(in(0x41), 0x1f);
	out(0x43, 0x40);
	check_eq(in(0x41), 0x1f);
}

TEST(an_unlatched_read_alternates_the_bytes)
{
	start();
	program(1, 0x34, 0xabcd);
	check_eq(in(0x41), 0xcd);
	check_eq(in(0x41), 0xab);
	check_eq(in(0x41), 0xcd);
}

TEST(read_back_latches_counts_and_status_of_many)
{
	start();
	out(0x61, 1);
	program(0, 0x34, 0x1111);
	program(2, 0x36, 0x2222);
	out(0x43, 0xc0 | 2u << 0 | 2u << 2); /* both of channels 0 and 2 */
	clocks(77);
	check_eq(in(0x40), 0xb4); /* OUT, both bytes, mode 2 */
	check_eq(in(0x42), 0xb6);
	check_eq(in(0x40), 0x11);
	check_eq(in(0x40), 0x11);
	check_eq(in(0x42), 0x22);
	check_eq(in(0x42), 0x22);
	check_eq(in(0x40), (0x1111 - 77) & 0xff);
}

TEST(bcd_counts_are_decimal)
{
	start();
	program(1, 0x35, 0x1000);
	clocks(1);
	check_eq(latched(1), 0x0999);
	clocks(998);
	check_eq(latched(1), 0x0001);
	check_eq(status(1) & 1, 1);
	program(1, 0x35, 0);
	clocks(1);
	check_eq(latched(1), 0x9999);
	program(1, 0x35, 0xffff); /* no such digits */
	clocks(1);
	latched(1);
}

TEST(a_count_of_0_is_65536)
{
	start();
	program(0, 0x34, 0);
	check_eq(latched(0), 0);
	clocks(1);
	check_eq(latched(0), 0xffff);
	run(S, true);
	check_eq(f.ticks, 18);
}

TEST(a_new_count_in_mode_2_waits_for_the_end_of_the_cycle)
{
	start();
	program(0, 0x34, 10000);
	clocks(4000);
	out(0x40, 5000 & 0xff);
	out(0x40, 5000 >> 8);
	check_eq(status(0) & 0x40, 0x40);
	clocks(1000);
	check_eq(latched(0), 5000);
	clocks(4999);
	check_eq(latched(0), 1);
	check_eq(f.ticks, 0);
	clocks(1);
	check_eq(latched(0), 5000);
	check_eq(status(0) & 0x40, 0);
	check_eq(f.ticks, 1);
	pit_acked(&f.pit);
	clocks(5000);
	pit_expire(&f.pit, f.now_ns);
	check_eq(f.ticks, 2);
}

TEST(a_tick_waits_for_the_acknowledgement_of_the_last)
{
	start();
	program(0, 0x34, 11932);
	run(100 * MS, false);
	check_eq(f.ticks, 1);
	for (u32 i = 2; i <= 9; i++) {
		pit_acked(&f.pit);
		check_eq(f.ticks, i);
	}
	pit_acked(&f.pit);
	check_eq(f.ticks, 9);
	run(20 * MS, true);
	check_eq(f.ticks, 11);
}

TEST(ticks_lost_in_a_long_pause_are_made_up_within_the_bound)
{
	start();
	program(0, 0x34, 1193); /* 1000 Hz */
	f.now_ns += 100 * S;
	pit_expire(&f.pit, f.now_ns);
	for (u32 i = 0; i < 1000; i++)
		pit_acked(&f.pit);
	check_eq(f.ticks, PIT_PENDING_MAX);
}

TEST(without_reinjection_lost_ticks_stay_lost)
{
	start();
	pit_set_reinject(&f.pit, false);
	program(0, 0x34, 11932);
	f.now_ns += 100 * MS;
	pit_expire(&f.pit, f.now_ns);
	check_eq(f.ticks, 1);
	pit_acked(&f.pit);
	check_eq(f.ticks, 1);
	run(50 * MS, false);
	check_eq(f.ticks, 6); /* and none waits for another */
}

TEST(a_lost_acknowledgement_does_not_stop_the_clock)
{
	start();
	program(0, 0x34, 1193);
	run(10 * S, false);
	check(f.ticks > 30);
	check(f.ticks < 50);
}

TEST(masked_ticks_are_not_saved_up)
{
	start();
	program(0, 0x34, 11932);
	f.answer = -1;
	run(S, false);
	f.answer = 1;
	pit_unmasked(&f.pit);
	run(30 * MS, true);
	check_eq(f.ticks, 3);
}

TEST(the_hpet_takes_irq_0_over)
{
	struct kvm_pit_state2 state;

	start();
	program(0, 0x34, 11932);
	pit_get_state(&f.pit, &state);
	state.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	pit_set_state(&f.pit, &state);
	check_eq(pit_deadline_ns(&f.pit), PIT_NEVER);
	f.now_ns += S;
	pit_expire(&f.pit, f.now_ns);
	check_eq(f.ticks, 0);
	state.flags = 0;
	pit_set_state(&f.pit, &state);
	run(S, true);
	check_eq(f.ticks, 100); /* and none from before */
}

TEST(a_hopelessly_fast_tick_costs_few_wake_ups)
{
	u32 wakes = 0;

	start();
	program(0, 0x34, 2);
	for (u64 end = f.now_ns + 10 * MS; pit_deadline_ns(&f.pit) <= end;
	     wakes++) {
		f.now_ns = pit_deadline_ns(&f.pit);
		pit_expire(&f.pit, f.now_ns);
		pit_acked(&f.pit);
	}
	check(wakes <= 51);
	program(0, 0x34, 1); /* not legal, and does not tick */
	check_eq(pit_deadline_ns(&f.pit), PIT_NEVER);
}

TEST(saved_and_restored_is_the_same_state)
{
	struct kvm_pit_state2 first, second;

	start();
	program(0, 0x34, 11932);
	program(1, 0x35, 0x1800);
	out(0x61, 3);
	program(2, 0xb6 & 0x3f, 4000);
	clocks(1500);
	out(0x61, 2);
	clocks(100);
	out(0x43, 0xc0 | 2u << 1); /* latched status and count */
	out(0x40, 0x55);	   /* half a count */
	pit_get_state(&f.pit, &first);
	memset(&f.pit, 0, sizeof(f.pit));
	pit_init(&f.pit, &ops, NULL);
	pit_set_state(&f.pit, &first);
	pit_get_state(&f.pit, &second);
	check_mem_eq(&second, &first, sizeof(first));
	check_eq(pit_deadline_ns(&f.pit), 12345 + 10000151);
	run(10 * S, true);
	check_eq(f.ticks, 1000);
	check_eq(in(0x61) & 3, 2);
}

/* As KVM says it: QEMU divides by the count. */
TEST(a_channel_without_a_count_is_told_as_the_kernel_does)
{
	struct kvm_pit_state2 state;

	start();
	pit_get_state(&f.pit, &state);
	for (u32 i = 0; i < PIT_CHANNELS; i++) {
		check_eq(state.channels[i].count, 65536);
		check_eq(state.channels[i].mode, 255);
	}
	pit_set_state(&f.pit, &state);
	check_eq(pit_deadline_ns(&f.pit), PIT_NEVER);

	out(0x43, 0x34); /* mode 2, no count yet */
	pit_get_state(&f.pit, &state);
	check_eq(state.channels[0].count, 65536);
	pit_set_state(&f.pit, &state);
	check_eq(f.pit.channel[0].mode, 2);
	check_eq(pit_deadline_ns(&f.pit), PIT_NEVER);
}

TEST(a_hostile_state_stays_within_the_chip)
{
	struct kvm_pit_state2 state;

	for (u32 fill = 0; fill < 256; fill += 15) {
		start();
		memset(&state, (int)fill, sizeof(state));
		pit_set_state(&f.pit, &state);
		for (u16 port = 0x40; port < 0x44; port++)
			for (u32 i = 0; i < 4; i++)
				in(port);
		run(100 * MS, true);
		check(f.pit.channel[0].count <= 65536);
	}
}
