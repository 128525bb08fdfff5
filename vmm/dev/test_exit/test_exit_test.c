/* SPDX-License-Identifier: MIT */
#include "vmm/dev/test_exit/test_exit.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"

TEST(the_written_value_becomes_an_odd_status)
{
	struct fake_host host;
	struct test_exit exit;
	struct bus bus;
	u32 value = 0x21;

	fake_host_init(&host);
	test_exit_init(&exit, fake_host_power(&host));
	bus_init(&bus, "test", 0x10000);
	check_eq(bus_add(&bus, &exit.region), 0);
	bus_write(&bus, 0xf4, &value, 4);
	check_eq(host.power, POWER_EXIT);
	check_eq(host.power_status, 0x43);
	value = 0;
	bus_write(&bus, 0xf4, &value, 1);
	check_eq(host.power_status, 1);
	value = 0xff;
	bus_write(&bus, 0xf4, &value, 1);
	check_eq(host.power_status, 0xff);
	check_eq(host.power_count, 3);
}
