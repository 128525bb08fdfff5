/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/memory_map.h"

#include "base/test.h"

static void check_map(u64 size)
{
	struct guest_mem mem;
	struct memory_map map;
	u64 end = 0, ram = 0;

	check_eq(guest_mem_init(&mem, size, NULL), 0);
	memory_map_make(&mem, &map);
	for (u32 i = 0; i < map.count; i++) {
		check(map.entry[i].size);
		check(map.entry[i].start >= end);
		end = map.entry[i].start + map.entry[i].size;
		if (map.entry[i].type != MEMORY_RAM)
			continue;
		ram += map.entry[i].size;
		/* What is called RAM is RAM. */
		check(guest_mem_at(&mem, map.entry[i].start, map.entry[i].size));
	}
	/* All but the first MiB's upper 385 KiB. */
	check_eq(ram, size - (MiB - EBDA_GPA));
	guest_mem_release(&mem);
}

TEST(the_map_is_ascending_and_tells_all_memory)
{
	check_map(2 * MiB);
	check_map(512 * MiB);
	check_map(3 * GiB);
	check_map(3 * GiB + 4096);
	check_map(5 * GiB);
}
