/* SPDX-License-Identifier: MIT */
#include "vmm/bus/bus.h"

#include <errno.h>

#include "base/test.h"

/* Remembers the accesses it saw; reads give offset + 0x10 in each byte. */
struct probe {
	struct bus_region region;
	struct mutex lock;
	u32 count;
	struct {
		u64 offset, value;
		u32 width;
		bool write;
	} seen[16];
};

static void note(struct probe *p, u64 offset, u64 value, u32 width, bool write)
{
	check(!mutex_try_lock(&p->lock));
	check(p->count < ARRAY_SIZE(p->seen));
	p->seen[p->count].offset = offset;
	p->seen[p->count].value = value;
	p->seen[p->count].width = width;
	p->seen[p->count++].write = write;
}

static u64 probe_read(void *ctx, u64 offset, u32 width)
{
	u64 value = 0;

	for (u32 i = 0; i < width; i++)
		value |= (offset + i + 0x10) << (8 * i);
	note(ctx, offset, value, width, false);
	return value;
}

static void probe_write(void *ctx, u64 offset, u64 value, u32 width)
{
	note(ctx, offset, value, width, true);
}

static void probe_add(struct bus *bus, struct probe *p, u64 base, u64 size,
		      u32 widths)
{
	*p = (struct probe){.region = {.name = "probe",
				       .base = base,
				       .size = size,
				       .widths = widths,
				       .lock = &p->lock,
				       .read = probe_read,
				       .write = probe_write,
				       .ctx = p}};
	mutex_init(&p->lock);
	check_eq(bus_add(bus, &p->region), 0);
}

static u64 read_at(struct bus *bus, u64 address, u32 size)
{
	u64 value = 0;

	bus_read(bus, address, &value, size);
	return value;
}

static void write_at(struct bus *bus, u64 address, u64 value, u32 size)
{
	bus_write(bus, address, &value, size);
}

TEST(an_empty_bus_reads_all_ones)
{
	struct bus bus;

	bus_init(&bus, "test", 0x10000);
	check_eq(read_at(&bus, 0xcf8, 4), 0xffffffffu);
	write_at(&bus, 0xcf8, 1, 4);
	check(bus.unclaimed_count >= 2);
}

TEST(a_legal_access_arrives_whole)
{
	struct bus bus;
	struct probe p;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &p, 0x600, 8, BUS_1_2_4);
	check_eq(read_at(&bus, 0x604, 4), 0x17161514);
	check_eq(p.count, 1);
	check_eq(p.seen[0].width, 4);
	write_at(&bus, 0x602, 0xabcd, 2);
	check_eq(p.seen[1].value, 0xabcd);
	check_eq(p.seen[1].offset, 2);
	check(p.seen[1].write);
}

TEST(a_wide_access_to_a_byte_region_is_split_in_ascending_order)
{
	struct bus bus;
	struct probe p;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &p, 0x3f8, 8, BUS_1);
	write_at(&bus, 0x3f9, 0x332211, 4);
	check_eq(p.count, 4);
	check_eq(p.seen[0].offset, 1);
	check_eq(p.seen[0].value, 0x11);
	check_eq(p.seen[2].offset, 3);
	check_eq(p.seen[2].value, 0x33);
}

TEST(a_misaligned_access_is_split_so_that_handlers_see_aligned_ones)
{
	struct bus bus;
	struct probe p;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &p, 0x600, 8, BUS_1_2_4);
	check_eq(read_at(&bus, 0x601, 4), 0x14131211);
	check_eq(p.count, 3);
	check_eq(p.seen[0].width, 1);
	check_eq(p.seen[1].width, 2);
	check_eq(p.seen[2].width, 1);
}

TEST(an_access_narrower_than_any_legal_width_reaches_no_handler)
{
	struct bus bus;
	struct probe p;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &p, 0x600, 8, BUS_4);
	check_eq(read_at(&bus, 0x600, 2), 0xffff);
	write_at(&bus, 0x602, 7, 1);
	check_eq(p.count, 0);
}

TEST(an_access_across_two_regions_and_a_gap_reaches_both)
{
	struct bus bus;
	struct probe a, b;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &b, 0x72, 1, BUS_1);
	probe_add(&bus, &a, 0x70, 1, BUS_1);
	check_eq(read_at(&bus, 0x70, 4), 0xff10ff10);
	check_eq(a.count, 1);
	check_eq(b.count, 1);
}

TEST(the_port_space_wraps_at_its_end)
{
	struct bus bus;
	struct probe a, b;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &a, 0xffff, 1, BUS_1);
	probe_add(&bus, &b, 0, 1, BUS_1);
	check_eq(read_at(&bus, 0xffff, 2), 0x1010);
	check_eq(b.count, 1);
}

TEST(overlapping_regions_are_refused)
{
	struct bus bus;
	struct probe a, b;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &a, 0x100, 0x10, BUS_1);
	b = a;
	b.region.base = 0x10f;
	b.region.size = 1;
	check_eq(bus_add(&bus, &b.region), -EBUSY);
	b.region.base = 0xf0;
	b.region.size = 0x11;
	check_eq(bus_add(&bus, &b.region), -EBUSY);
	b.region.size = 0x10;
	check_eq(bus_add(&bus, &b.region), 0);
	b.region.base = 0xf0;
	check(bus_find(&bus, 0xff) == &b.region);
	check(bus_find(&bus, 0x100) == &a.region);
	check(!bus_find(&bus, 0x110));
	check(!bus_find(&bus, 0xef));
}

TEST(a_removed_region_no_longer_answers)
{
	struct bus bus;
	struct probe p[3];

	bus_init(&bus, "test", 0);
	for (u32 i = 0; i < 3; i++)
		probe_add(&bus, &p[i], 0x1000 * (u64)(i + 1), 0x1000, BUS_8);
	bus_remove(&bus, &p[1].region);
	check_eq(read_at(&bus, 0x2000, 8), -1);
	(void)read_at(&bus, 0x1000, 8);
	(void)read_at(&bus, 0x3ff8, 8);
	check_eq(p[0].count + p[2].count, 2);
	check_eq(p[1].count, 0);
}

TEST(a_full_bus_refuses_one_more)
{
	static struct probe p[BUS_REGION_MAX + 1];
	struct bus bus;

	bus_init(&bus, "test", 0x10000);
	for (u32 i = 0; i < BUS_REGION_MAX; i++)
		probe_add(&bus, &p[i], i * 2, 1, BUS_1);
	p[BUS_REGION_MAX] = p[0];
	p[BUS_REGION_MAX].region.base = 0x8000;
	check_eq(bus_add(&bus, &p[BUS_REGION_MAX].region), -ENOSPC);
}

TEST(an_unaligned_access_reaches_registers_that_are_not_aligned)
{
	struct bus bus;
	struct probe p;

	bus_init(&bus, "test", 0x10000);
	probe_add(&bus, &p, 0x1ce, 4, BUS_2 | BUS_UNALIGNED);
	write_at(&bus, 0x1cf, 0x1234, 2);
	check_eq(p.count, 1);
	check_eq(p.seen[0].offset, 1);
	check_eq(p.seen[0].width, 2);
	check_eq(p.seen[0].value, 0x1234);
	write_at(&bus, 0x1d1, 0x1234, 2); /* half of it lies behind the end */
	check_eq(p.count, 1);
}
