/* SPDX-License-Identifier: MIT */
#include "vmm/memory/guest_mem.h"

#include "base/test.h"

TEST(ram_reads_back_what_was_written)
{
	struct guest_mem mem;
	u32 value = 0x12345678, back = 0;

	check_eq(guest_mem_init(&mem, 16 * MiB, NULL), 0);
	check(guest_mem_write(&mem, 0x100000, &value, 4));
	check(guest_mem_read(&mem, 0x100000, &back, 4));
	check_eq(back, value);
	check(guest_mem_zero(&mem, 0x100001, 2));
	check(guest_mem_read(&mem, 0x100000, &back, 4));
	check_eq(back, 0x12000078);
	guest_mem_release(&mem);
}

TEST(an_access_that_is_not_wholly_ram_touches_nothing)
{
	struct guest_mem mem;
	u8 bytes[16] = {[0 ... 15] = 0xaa};

	check_eq(guest_mem_init(&mem, 16 * MiB, NULL), 0);
	check(!guest_mem_write(&mem, 16 * MiB - 8, bytes, 16));
	check(!guest_mem_write(&mem, 0xa0000 - 8, bytes, 16));
	check(!guest_mem_read(&mem, 0xb8000, bytes, 2));
	check(!guest_mem_read(&mem, UINT64_MAX - 4, bytes, 16));
	check(!guest_mem_read(&mem, 4 * GiB, bytes, 1));
	check(!guest_mem_at(&mem, 0, UINT64_MAX));
	check(guest_mem_read(&mem, 16 * MiB - 8, bytes, 8));
	check_eq(bytes[0], 0);
	guest_mem_release(&mem);
}

TEST(memory_beyond_the_hole_continues_at_4_gib)
{
	struct guest_mem mem;
	u8 *low, *high;

	check_eq(guest_mem_init(&mem, GUEST_MEM_LOW_END_MAX + 64 * MiB, NULL),
		 0);
	check_eq(guest_mem_low_end(&mem), GUEST_MEM_LOW_END_MAX);
	check_eq(guest_mem_high_end(&mem), 4 * GiB + 64 * MiB);
	check(!guest_mem_at(&mem, GUEST_MEM_LOW_END_MAX, 1));
	low = guest_mem_at(&mem, GUEST_MEM_LOW_END_MAX - 1, 1);
	high = guest_mem_at(&mem, 4 * GiB, 64 * MiB);
	check(low && high == low + 1);
	check(!guest_mem_at(&mem, 4 * GiB, 64 * MiB + 1));
	guest_mem_release(&mem);
}

TEST(impossible_sizes_are_refused_with_a_sentence)
{
	struct fault fault = {};
	struct guest_mem mem;

	check_eq(guest_mem_init(&mem, 0, &fault), -EINVAL);
	check(strstr(fault.text[0], "2M to 512G"));
	check_eq(guest_mem_init(&mem, 1, &fault), -EINVAL);
	check_eq(guest_mem_init(&mem, 4 * MiB + 1, &fault), -EINVAL);
	check_eq(guest_mem_init(&mem, 1024 * GiB, &fault), -EINVAL);
	check_eq(guest_mem_init(&mem, UINT64_MAX, &fault), -EINVAL);
}

static void note_written(void *ctx, gpa_t gpa, u64 size)
{
	u64 *seen = ctx;

	seen[0] = gpa;
	seen[1] += size;
}

TEST(writes_are_told_and_refused_ones_are_not)
{
	struct guest_mem mem;
	u64 seen[2] = {};
	u8 byte = 1;

	check_eq(guest_mem_init(&mem, 16 * MiB, NULL), 0);
	mem.written = note_written;
	mem.written_ctx = seen;
	check(guest_mem_write(&mem, 0x5000, &byte, 1));
	check_eq(seen[0], 0x5000);
	check(guest_mem_zero(&mem, 0x6000, 0x100));
	check_eq(seen[1], 0x101);
	check(!guest_mem_write(&mem, 32 * MiB, &byte, 1));
	check_eq(seen[1], 0x101);
	guest_mem_release(&mem);
}
