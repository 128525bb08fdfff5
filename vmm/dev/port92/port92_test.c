/* SPDX-License-Identifier: MIT */
#include "vmm/dev/port92/port92.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"

struct bench {
	struct fake_host host;
	struct port92 port;
};

static void bench_init(struct bench *b)
{
	fake_host_init(&b->host);
	port92_init(&b->port, fake_host_power(&b->host));
}

TEST(the_line_a20_starts_open_and_reads_back)
{
	struct bench b;

	bench_init(&b);
	check_eq(b.port.region.read(&b.port, 0, 1), PORT92_A20);
	b.port.region.write(&b.port, 0, 0, 1);
	check_eq(b.port.region.read(&b.port, 0, 1), 0);
	check_eq(b.host.power_count, 0);
}

TEST(bit_0_resets_when_it_rises)
{
	struct bench b;

	bench_init(&b);
	b.port.region.write(&b.port, 0, 3, 1);
	b.port.region.write(&b.port, 0, 3, 1);
	check_eq(b.host.power_count, 1);
	check_eq(b.host.power, POWER_RESET);
}

TEST(a_saved_port_restores_to_an_equal_one)
{
	struct bench a, b;
	struct buf buf;

	bench_init(&a);
	bench_init(&b);
	a.port.region.write(&a.port, 0, 0x30, 1);
	buf_init(&buf, 4096);
	check_eq(dev_save(&a.port.dev, &buf), 0);
	check_eq(dev_load(&b.port.dev, 1, buf.data, buf.size), 0);
	check(fields_equal(&a.port.dev.class->state, &a.port, &b.port, NULL));
	check_eq(b.port.value, 0x30);
	buf_release(&buf);
}
