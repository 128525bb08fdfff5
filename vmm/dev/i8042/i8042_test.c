/* SPDX-License-Identifier: MIT */
#include "vmm/dev/i8042/i8042.h"

#include <errno.h>

#include "base/test.h"
#include "vmm/dev/fake_host.h"

#define IRQ 1

struct bench {
	struct fake_host host;
	struct i8042 kbc;
	struct bus bus;
};

static void bench_init(struct bench *b)
{
	fake_host_init(&b->host);
	bus_init(&b->bus, "test", 0x10000);
	i8042_init(&b->kbc, &(struct i8042_config){
				    .kbd_irq = fake_host_irq(&b->host, IRQ),
				    .power = fake_host_power(&b->host),
			    });
	check_eq(bus_add(&b->bus, &b->kbc.data_region), 0);
	check_eq(bus_add(&b->bus, &b->kbc.command_region), 0);
}

static u8 in(struct bench *b, u16 port)
{
	u8 value;

	bus_read(&b->bus, port, &value, 1);
	return value;
}

static void out(struct bench *b, u16 port, u8 value)
{
	bus_write(&b->bus, port, &value, 1);
}

/* The answer to a controller command; fails when there is none. */
static u8 ask(struct bench *b, u8 command)
{
	out(b, 0x64, command);
	check(in(b, 0x64) & I8042_STATUS_OBF);
	return in(b, 0x60);
}

TEST(the_self_tests_pass)
{
	struct bench b;

	bench_init(&b);
	check_eq(in(&b, 0x64) & (I8042_STATUS_OBF | I8042_STATUS_IBF), 0);
	check_eq(ask(&b, 0xaa), 0x55);
	check_eq(ask(&b, 0xab), 0x00);
	check(in(&b, 0x64) & I8042_STATUS_SYSTEM);
}

TEST(there_is_no_mouse_and_it_is_said_at_once)
{
	struct bench b;

	bench_init(&b);
	check(ask(&b, 0xa9) != 0);
	out(&b, 0x64, 0xd3);
	out(&b, 0x60, 0x5a);
	check(in(&b, 0x64) & I8042_STATUS_OBF);
	check(!(in(&b, 0x64) & I8042_STATUS_AUX));
}

TEST(the_command_byte_reads_back)
{
	struct bench b;

	bench_init(&b);
	out(&b, 0x64, 0x60);
	check(in(&b, 0x64) & I8042_STATUS_COMMAND);
	out(&b, 0x60, 0x45);
	check_eq(ask(&b, 0x20), 0x45);
}

TEST(pulsing_the_reset_line_resets_the_machine)
{
	struct bench b;

	bench_init(&b);
	out(&b, 0x64, 0xff);
	check_eq(b.host.power_count, 0);
	out(&b, 0x64, 0xfe);
	check_eq(b.host.power_count, 1);
	check_eq(b.host.power, POWER_RESET);
	out(&b, 0x64, 0xd1);
	out(&b, 0x60, 0xdf);
	check_eq(b.host.power_count, 1);
	out(&b, 0x64, 0xd1);
	out(&b, 0x60, 0xde);
	check_eq(b.host.power_count, 2);
}

TEST(the_keyboard_acknowledges_reset_and_says_who_it_is)
{
	struct bench b;

	bench_init(&b);
	out(&b, 0x60, 0xff);
	check(b.host.irq[IRQ]);
	check_eq(in(&b, 0x60), 0xfa);
	check_eq(in(&b, 0x60), 0xaa);
	check(!b.host.irq[IRQ]);
	check_eq(b.host.irq_edges[IRQ], 2);
	out(&b, 0x60, 0xf2);
	check_eq(in(&b, 0x60), 0xfa);
	check_eq(in(&b, 0x60), 0xab);
	check_eq(in(&b, 0x60), 0x41);
}

TEST(a_keyboard_command_with_data_takes_both_bytes)
{
	struct bench b;

	bench_init(&b);
	out(&b, 0x60, 0xed);
	check_eq(in(&b, 0x60), 0xfa);
	out(&b, 0x60, 0x07);
	check_eq(in(&b, 0x60), 0xfa);
	out(&b, 0x60, 0xf0);
	check_eq(in(&b, 0x60), 0xfa);
	out(&b, 0x60, 0x00);
	check_eq(in(&b, 0x60), 0xfa);
	check_eq(in(&b, 0x60), 2);
	out(&b, 0x60, 0x12);
	check_eq(in(&b, 0x60), 0xfe);
}

TEST(unread_answers_beyond_the_buffer_are_lost)
{
	struct bench b;

	bench_init(&b);
	for (u32 i = 0; i < 100; i++)
		out(&b, 0x60, 0xff);
	for (u32 i = 0; i < I8042_QUEUE_BYTES; i++) {
		check(in(&b, 0x64) & I8042_STATUS_OBF);
		(void)in(&b, 0x60);
	}
	check(!(in(&b, 0x64) & I8042_STATUS_OBF));
}

TEST(a_saved_controller_restores_to_an_equal_one)
{
	struct bench a, b;
	const char *name = NULL;
	struct buf buf;

	bench_init(&a);
	bench_init(&b);
	out(&a, 0x60, 0xf2);
	(void)in(&a, 0x60);
	out(&a, 0x60, 0xf3);
	out(&a, 0x64, 0x60);
	buf_init(&buf, 65536);
	check_eq(dev_save(&a.kbc.dev, &buf), 0);
	check_eq(dev_load(&b.kbc.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.kbc.dev.class->state, &a.kbc, &b.kbc, &name));
	check(b.host.irq[IRQ]);
	check_eq(in(&b, 0x60), 0xab);
	b.kbc.queue_count = 17;
	buf_truncate(&buf);
	check_eq(dev_save(&b.kbc.dev, &buf), 0);
	check_eq(dev_load(&a.kbc.dev, 1, buf.data, buf.size), -EINVAL);
	buf_release(&buf);
}
