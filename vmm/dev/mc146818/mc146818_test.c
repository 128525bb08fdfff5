/* SPDX-License-Identifier: MIT */
#include "vmm/dev/mc146818/mc146818.h"

#include <errno.h>

#include "base/clock.h"
#include "base/test.h"
#include "vmm/dev/fake_host.h"

#define IRQ 8

/* 2026-11-22 10:59:58.25 UTC, a Sunday. */
#define START_NS (1795345198 * NS_PER_S + NS_PER_S / 4)

struct bench {
	struct fake_host host;
	struct mc146818 rtc;
	struct bus bus;
};

static void bench_init(struct bench *b)
{
	fake_host_init(&b->host);
	b->host.realtime_ns = START_NS;
	b->host.now_ns = 777;
	bus_init(&b->bus, "test", 0x10000);
	mc146818_init(&b->rtc, &(struct mc146818_config){
				       .base_port = 0x70,
				       .irq = fake_host_irq(&b->host, IRQ),
				       .host = &b->host.host,
				       .low_ram_end = 512 * MiB,
				       .high_ram_size = 5 * GiB,
			       });
	check_eq(bus_add(&b->bus, &b->rtc.region), 0);
}

static u8 get(struct bench *b, u8 index)
{
	u8 value;

	bus_write(&b->bus, 0x70, &index, 1);
	bus_read(&b->bus, 0x71, &value, 1);
	return value;
}

static void set(struct bench *b, u8 index, u8 value)
{
	bus_write(&b->bus, 0x70, &index, 1);
	bus_write(&b->bus, 0x71, &value, 1);
}

TEST(the_clock_tells_the_hosts_time_in_bcd)
{
	struct bench b;

	bench_init(&b);
	check_eq(get(&b, RTC_SECONDS), 0x58);
	check_eq(get(&b, RTC_MINUTES), 0x59);
	check_eq(get(&b, RTC_HOURS), 0x10);
	check_eq(get(&b, RTC_WEEKDAY), 1);
	check_eq(get(&b, RTC_DAY), 0x22);
	check_eq(get(&b, RTC_MONTH), 0x11);
	check_eq(get(&b, RTC_YEAR), 0x26);
	check_eq(get(&b, CMOS_CENTURY), 0x20);
	fake_host_advance(&b.host, 2 * NS_PER_S);
	check_eq(get(&b, RTC_HOURS), 0x11);
	check_eq(get(&b, RTC_SECONDS), 0);
	check(get(&b, RTC_D) & RTC_D_VRT);
}

TEST(binary_and_twelve_hour_modes_change_the_digits)
{
	struct bench b;

	bench_init(&b);
	set(&b, RTC_B, RTC_B_BINARY);
	check_eq(get(&b, RTC_SECONDS), 58);
	fake_host_advance(&b.host, 3600 * 3 * NS_PER_S);
	check_eq(get(&b, RTC_HOURS), 0x81);
	fake_host_advance(&b.host, 3600 * 11 * NS_PER_S);
	check_eq(get(&b, RTC_HOURS), 12);
}

TEST(a_guest_may_set_the_clock_and_it_runs_on_from_there)
{
	struct bench b;

	bench_init(&b);
	set(&b, RTC_B, RTC_B_SET | RTC_B_24H);
	set(&b, RTC_YEAR, 0x99);
	set(&b, CMOS_CENTURY, 0x19);
	set(&b, RTC_MONTH, 0x12);
	set(&b, RTC_DAY, 0x31);
	set(&b, RTC_HOURS, 0x23);
	set(&b, RTC_MINUTES, 0x59);
	set(&b, RTC_SECONDS, 0x59);
	fake_host_advance(&b.host, 100 * NS_PER_S);
	check_eq(get(&b, RTC_SECONDS), 0x59);
	set(&b, RTC_B, RTC_B_24H);
	check_eq(get(&b, RTC_SECONDS), 0x59);
	fake_host_advance(&b.host, NS_PER_S);
	check_eq(get(&b, RTC_SECONDS), 0);
	check_eq(get(&b, RTC_DAY), 1);
	check_eq(get(&b, RTC_YEAR), 0);
	check_eq(get(&b, CMOS_CENTURY), 0x20);
}

TEST(the_year_9999_and_nonsense_do_no_harm)
{
	struct bench b;

	bench_init(&b);
	for (u32 i = 0; i < 10; i++)
		set(&b, (u8)i, 0xff);
	set(&b, CMOS_CENTURY, 0xff);
	set(&b, RTC_B, 0xff);
	set(&b, RTC_B, RTC_B_AIE);
	fake_host_advance(&b.host, 100000 * NS_PER_S);
	for (u32 i = 0; i < 128; i++)
		(void)get(&b, (u8)i);
}

TEST(update_in_progress_shows_just_before_the_second)
{
	struct bench b;

	bench_init(&b);
	check(!(get(&b, RTC_A) & RTC_A_UIP));
	fake_host_advance(&b.host, 3 * NS_PER_S / 4 - 100 * NS_PER_US);
	check(get(&b, RTC_A) & RTC_A_UIP);
	fake_host_advance(&b.host, 100 * NS_PER_US);
	check(!(get(&b, RTC_A) & RTC_A_UIP));
}

TEST(the_update_interrupt_comes_each_second_and_reading_c_ends_it)
{
	struct bench b;

	bench_init(&b);
	set(&b, RTC_B, RTC_B_24H | RTC_B_UIE);
	check(!b.host.irq[IRQ]);
	fake_host_advance(&b.host, NS_PER_S);
	check(b.host.irq[IRQ]);
	check_eq(get(&b, RTC_C) & ~RTC_C_PF, RTC_C_IRQF | RTC_C_UF);
	check(!b.host.irq[IRQ]);
	check_eq(get(&b, RTC_C), 0);
	fake_host_advance(&b.host, NS_PER_S);
	check_eq(b.host.irq_edges[IRQ], 2);
}

TEST(the_periodic_interrupt_keeps_its_rate)
{
	struct bench b;
	u32 count = 0;

	bench_init(&b);
	set(&b, RTC_A, RTC_A_DIVIDER_32K | 6); /* 1024 Hz */
	set(&b, RTC_B, RTC_B_24H | RTC_B_PIE);
	for (u32 i = 0; i < 20000; i++) {
		fake_host_advance(&b.host, NS_PER_S / 20000);
		if (b.host.irq[IRQ]) {
			check(get(&b, RTC_C) & RTC_C_PF);
			count++;
		}
	}
	check(count >= 1023 && count <= 1025);
}

TEST(an_alarm_fires_in_its_second_once)
{
	struct bench b;

	bench_init(&b);
	set(&b, RTC_HOURS_ALARM, 0x11);
	set(&b, RTC_MINUTES_ALARM, 0x00);
	set(&b, RTC_SECONDS_ALARM, 0x30);
	set(&b, RTC_B, RTC_B_24H | RTC_B_AIE);
	fake_host_advance(&b.host, 31 * NS_PER_S);
	check(!b.host.irq[IRQ]);
	fake_host_advance(&b.host, NS_PER_S);
	check(b.host.irq[IRQ]);
	check(get(&b, RTC_C) & RTC_C_AF);
	fake_host_advance(&b.host, 3600 * NS_PER_S);
	check_eq(b.host.irq_edges[IRQ], 1);
	fake_host_advance(&b.host, 23 * 3600 * NS_PER_S);
	check_eq(b.host.irq_edges[IRQ], 2);
}

TEST(an_alarm_with_dont_care_bytes_fires_every_minute)
{
	struct bench b;

	bench_init(&b);
	set(&b, RTC_HOURS_ALARM, 0xff);
	set(&b, RTC_MINUTES_ALARM, 0xc0);
	set(&b, RTC_SECONDS_ALARM, 0x05);
	set(&b, RTC_B, RTC_B_24H | RTC_B_AIE);
	for (u32 i = 0; i < 180; i++) {
		fake_host_advance(&b.host, NS_PER_S);
		(void)get(&b, RTC_C);
	}
	check_eq(b.host.irq_edges[IRQ], 3);
}

TEST(a_changed_alarm_does_not_fire_for_the_past)
{
	struct bench b;

	bench_init(&b);
	fake_host_advance(&b.host, 60 * NS_PER_S);
	set(&b, RTC_HOURS_ALARM, 0xff);
	set(&b, RTC_MINUTES_ALARM, 0xff);
	set(&b, RTC_SECONDS_ALARM, 0x01);
	check(!(get(&b, RTC_C) & RTC_C_AF));
}

TEST(memory_sizes_stand_where_firmware_puts_them)
{
	struct bench b;

	bench_init(&b);
	check_eq(get(&b, CMOS_BASE_KIB) | get(&b, CMOS_BASE_KIB + 1) << 8, 640);
	check_eq(get(&b, CMOS_ABOVE_16M_64KIB) |
			 get(&b, CMOS_ABOVE_16M_64KIB + 1) << 8,
		 (512 - 16) * 16);
	check_eq(get(&b, CMOS_ABOVE_4G_64KIB) |
			 get(&b, CMOS_ABOVE_4G_64KIB + 1) << 8 |
			 get(&b, CMOS_ABOVE_4G_64KIB + 2) << 16,
		 5 * 16384);
}

TEST(the_nmi_bit_is_not_part_of_the_index)
{
	struct bench b;

	bench_init(&b);
	set(&b, 0x80 | CMOS_SHUTDOWN, 0x42);
	check_eq(get(&b, CMOS_SHUTDOWN), 0x42);
}

TEST(reset_keeps_time_and_memory_and_disables_interrupts)
{
	struct bench b;

	bench_init(&b);
	set(&b, CMOS_SHUTDOWN, 0x0a);
	set(&b, RTC_B, RTC_B_24H | RTC_B_UIE);
	fake_host_advance(&b.host, NS_PER_S);
	check(b.host.irq[IRQ]);
	dev_reset(&b.rtc.dev);
	check(!b.host.irq[IRQ]);
	check_eq(get(&b, RTC_B), RTC_B_24H);
	check_eq(get(&b, CMOS_SHUTDOWN), 0x0a);
	check_eq(get(&b, RTC_SECONDS), 0x59);
}

TEST(a_saved_clock_restores_to_an_equal_one)
{
	struct bench a, b;
	const char *name = NULL;
	struct buf buf;

	bench_init(&a);
	bench_init(&b);
	set(&a, RTC_DAY, 0x05);
	set(&a, RTC_B, RTC_B_24H | RTC_B_UIE);
	fake_host_advance(&a.host, NS_PER_S);
	buf_init(&buf, 65536);
	check_eq(dev_save(&a.rtc.dev, &buf), 0);
	b.host.realtime_ns = a.host.realtime_ns;
	check_eq(dev_load(&b.rtc.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.rtc.dev.class->state, &a.rtc, &b.rtc, &name));
	check(b.host.irq[IRQ]);
	check_eq(get(&b, RTC_DAY), 0x05);
	b.rtc.phase_ns = NS_PER_S;
	buf_truncate(&buf);
	check_eq(dev_save(&b.rtc.dev, &buf), 0);
	check_eq(dev_load(&a.rtc.dev, 1, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
}
