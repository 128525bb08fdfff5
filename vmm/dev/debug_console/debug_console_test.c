/* SPDX-License-Identifier: MIT */
#include "vmm/dev/debug_console/debug_console.h"

#include "base/test.h"
#include "vmm/char/fake_chardev.h"

TEST(bytes_go_out_and_the_port_answers_its_number)
{
	struct debug_console console;
	struct fake_chardev wire;
	struct bus bus;
	u8 value = 0;

	fake_chardev_init(&wire);
	debug_console_init(&console, &wire.chardev);
	bus_init(&bus, "test", 0x10000);
	check_eq(bus_add(&bus, &console.region), 0);
	bus_write(&bus, 0xe9, "k", 1);
	bus_write(&bus, 0xe9, "l", 1);
	check_eq(wire.out_size, 2);
	check_mem_eq(wire.out, "kl", 2);
	bus_read(&bus, 0xe9, &value, 1);
	check_eq(value, 0xe9);
}

TEST(a_wire_that_takes_nothing_does_not_stop_the_guest)
{
	struct debug_console console;
	struct fake_chardev wire;

	fake_chardev_init(&wire);
	wire.limit = 0;
	debug_console_init(&console, &wire.chardev);
	for (u32 i = 0; i < 1000; i++)
		console.region.write(&console, 0, 'x', 1);
	check_eq(wire.out_size, 0);
}

TEST(its_saved_state_is_empty)
{
	struct debug_console console;
	struct buf buf;

	debug_console_init(&console, NULL);
	buf_init(&buf, 4096);
	check_eq(dev_save(&console.dev, &buf), 0);
	check_eq(buf.size, 0);
	check_eq(dev_load(&console.dev, 1, buf.data, buf.size), 0);
	buf_release(&buf);
}
