/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/smbios/smbios.h"

#include "base/test.h"

static struct smbios smbios;

static void build(u64 memory_bytes, u32 cpu_count)
{
	struct guest_mem mem;

	check_eq(guest_mem_init(&mem, memory_bytes, NULL), 0);
	smbios_build(&(struct smbios_config){.version = "q35-1",
					     .cpu_count = cpu_count,
					     .mem = &mem,
					     .gpa = 0xf0020},
		     &smbios);
	guest_mem_release(&mem);
}

static u8 sum(const u8 *data, size_t size)
{
	u8 total = 0;

	while (size--)
		total = (u8)(total + *data++);
	return total;
}

/* Behind the structure at `at`: its strings end with two zeros. */
static size_t next(size_t at)
{
	at += smbios.data[at + 1];
	while (at + 1 < smbios.size && (smbios.data[at] || smbios.data[at + 1]))
		at++;
	check(at + 2 <= smbios.size);
	return at + 2;
}

/* Where number `index` of a type is; the walk must end at the last byte. */
static size_t find(u8 type, u32 index)
{
	for (size_t at = 0; at < smbios.size; at = next(at))
		if (smbios.data[at] == type && !index--)
			return at;
	test_fail("no structure of type %u", type);
	return 0;
}

static u64 get(size_t at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, smbios.data + at, bytes);
	return value;
}

static const char *string(size_t at, u8 number)
{
	const char *text = (const char *)smbios.data + at + smbios.data[at + 1];

	while (--number)
		text += strlen(text) + 1;
	return text;
}

TEST(smbios_5_2_1_the_entry_point_has_both_checksums)
{
	u16 size, count = 0, said;
	u32 gpa;

	build(512 * MiB, 2);
	check_mem_eq(smbios.entry, "_SM_", 4);
	check_eq(sum(smbios.entry, 31), 0);
	check_mem_eq(smbios.entry + 16, "_DMI_", 5);
	check_eq(sum(smbios.entry + 16, 15), 0);
	memcpy(&size, smbios.entry + 22, 2);
	memcpy(&gpa, smbios.entry + 24, 4);
	memcpy(&said, smbios.entry + 28, 2);
	check_eq(size, smbios.size);
	check_eq(gpa, 0xf0020);
	for (size_t at = 0; at < smbios.size; at = next(at))
		count++;
	check_eq(count, said);
	check_eq(next(find(127, 0)), smbios.size);
}

TEST(the_machine_has_a_name_and_a_version)
{
	size_t system;

	build(512 * MiB, 2);
	system = find(1, 0);
	check_str_eq(string(system, (u8)get(system + 4, 1)), "Keel");
	check_str_eq(string(system, (u8)get(system + 5, 1)),
		     "Keel virtual machine");
	check_str_eq(string(system, (u8)get(system + 6, 1)), "q35-1");
}

TEST(cpus_and_memory_are_counted)
{
	build(512 * MiB, 3);
	check_eq(get(find(4, 0) + 35, 1), 3);
	check_eq(get(find(16, 0) + 7, 4), 512 * 1024);
	check_eq(get(find(17, 0) + 12, 2), 512);
	check_eq(get(find(19, 0) + 4, 4), 0);
	check_eq(get(find(19, 0) + 8, 4), 512 * 1024 - 1);
}

TEST(memory_above_the_hole_is_a_range_of_its_own)
{
	build(GUEST_MEM_LOW_END_MAX + GiB, 1);
	check_eq(get(find(19, 0) + 8, 4), GUEST_MEM_LOW_END_MAX / 1024 - 1);
	check_eq(get(find(19, 1) + 4, 4), 4 * MiB);
	check_eq(get(find(19, 1) + 8, 4), 5 * MiB - 1);
}
