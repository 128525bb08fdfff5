/* SPDX-License-Identifier: MIT */
#include "vmm/dev/acpi_pm/acpi_pm.h"

#include "base/clock.h"
#include "base/test.h"
#include "vmm/dev/fake_host.h"

#define IRQ  9
#define BASE 0x600

struct bench {
	struct fake_host host;
	struct acpi_pm pm;
	struct bus bus;
};

static void bench_init(struct bench *b)
{
	fake_host_init(&b->host);
	b->host.now_ns = 12345678901234567;
	bus_init(&b->bus, "test", 0x10000);
	acpi_pm_init(&b->pm, &(struct acpi_pm_config){
				     .base_port = BASE,
				     .sci = fake_host_irq(&b->host, IRQ),
				     .power = fake_host_power(&b->host),
				     .host = &b->host.host,
			     });
	check_eq(bus_add(&b->bus, &b->pm.event_region), 0);
	check_eq(bus_add(&b->bus, &b->pm.control_region), 0);
	check_eq(bus_add(&b->bus, &b->pm.timer_region), 0);
	check_eq(bus_add(&b->bus, &b->pm.reset_region), 0);
}

static u32 in(struct bench *b, u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&b->bus, port, &value, size);
	return value;
}

static void out(struct bench *b, u16 port, u32 value, u32 size)
{
	bus_write(&b->bus, port, &value, size);
}

TEST(the_timer_counts_3579545_times_a_second)
{
	struct bench b;

	bench_init(&b);
	check_eq(in(&b, BASE + 8, 4), 0);
	fake_host_advance(&b.host, NS_PER_S);
	check_eq(in(&b, BASE + 8, 4), 3579545);
	fake_host_advance(&b.host, 9999 * NS_PER_S);
	check_eq(in(&b, BASE + 8, 4), (u32)(10000 * (u64)3579545));
}

TEST(power_off_takes_s5_and_sleep_enable_together)
{
	struct bench b;

	bench_init(&b);
	out(&b, BASE + 4, ACPI_PM_SLP_TYP_S5 << 10, 2);
	check_eq(b.host.power_count, 0);
	out(&b, BASE + 4, PM1_CNT_SLP_EN | 1 << 10, 2);
	check_eq(b.host.power_count, 0);
	out(&b, BASE + 4, PM1_CNT_SLP_EN | ACPI_PM_SLP_TYP_S5 << 10, 2);
	check_eq(b.host.power_count, 1);
	check_eq(b.host.power, POWER_OFF);
	check_eq(in(&b, BASE + 4, 2) & PM1_CNT_SLP_EN, 0);
}

TEST(power_off_also_works_by_bytes)
{
	struct bench b;

	bench_init(&b);
	out(&b, BASE + 5, 0x20 | ACPI_PM_SLP_TYP_S5 << 2, 1);
	check_eq(b.host.power_count, 1);
}

TEST(acpi_mode_is_on_and_stays_on)
{
	struct bench b;

	bench_init(&b);
	out(&b, BASE + 4, 0, 2);
	check_eq(in(&b, BASE + 4, 2) & PM1_CNT_SCI_EN, PM1_CNT_SCI_EN);
}

TEST(the_power_button_interrupts_until_it_is_acknowledged)
{
	struct bench b;

	bench_init(&b);
	acpi_pm_power_button(&b.pm);
	check(!b.host.irq[IRQ]);
	out(&b, BASE + 2, PM1_PWRBTN, 2);
	check(b.host.irq[IRQ]);
	check_eq(in(&b, BASE, 2), PM1_PWRBTN);
	out(&b, BASE, PM1_TMR, 2);
	check(b.host.irq[IRQ]);
	out(&b, BASE, PM1_PWRBTN, 2);
	check(!b.host.irq[IRQ]);
	check_eq(in(&b, BASE + 2, 2), PM1_PWRBTN);
}

TEST(the_timer_interrupts_when_its_top_bit_changes)
{
	struct bench b;
	const u64 half_s = ((u64)1 << 31) / 3579545;

	bench_init(&b);
	out(&b, BASE + 2, PM1_TMR, 2);
	fake_host_advance(&b.host, (half_s - 1) * NS_PER_S);
	check(!b.host.irq[IRQ]);
	fake_host_advance(&b.host, 2 * NS_PER_S);
	check(b.host.irq[IRQ]);
	out(&b, BASE, PM1_TMR, 2);
	check(!b.host.irq[IRQ]);
	fake_host_advance(&b.host, (half_s + 1) * NS_PER_S);
	check_eq(b.host.irq_edges[IRQ], 2);
}

TEST(the_reset_register_resets_on_its_rising_bit)
{
	struct bench b;

	bench_init(&b);
	out(&b, 0xcf9, 0x02, 1);
	check_eq(b.host.power_count, 0);
	out(&b, 0xcf9, 0x06, 1);
	check_eq(b.host.power_count, 1);
	check_eq(b.host.power, POWER_RESET);
	out(&b, 0xcf9, 0x06, 1);
	check_eq(b.host.power_count, 1);
}

TEST(a_saved_device_restores_to_an_equal_one_and_its_timer_goes_on)
{
	struct bench a, b;
	const char *name = NULL;
	struct buf buf;
	u32 ticks;

	bench_init(&a);
	bench_init(&b);
	out(&a, BASE + 2, PM1_PWRBTN | PM1_TMR, 2);
	acpi_pm_power_button(&a.pm);
	fake_host_advance(&a.host, 1000 * NS_PER_S);
	ticks = in(&a, BASE + 8, 4);
	buf_init(&buf, 65536);
	check_eq(dev_save(&a.pm.dev, &buf), 0);
	b.host.now_ns = 5; /* another host */
	check_eq(dev_load(&b.pm.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.pm.dev.class->state, &a.pm, &b.pm, &name));
	check(b.host.irq[IRQ]);
	check_eq(in(&b, BASE + 8, 4), ticks);
	buf_release(&buf);
}

TEST(reset_starts_over)
{
	struct bench b;

	bench_init(&b);
	acpi_pm_power_button(&b.pm);
	out(&b, BASE + 2, PM1_PWRBTN, 2);
	fake_host_advance(&b.host, 3 * NS_PER_S);
	dev_reset(&b.pm.dev);
	check(!b.host.irq[IRQ]);
	check_eq(in(&b, BASE, 4), 0);
	check_eq(in(&b, BASE + 8, 4), 0);
}
