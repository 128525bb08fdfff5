/* SPDX-License-Identifier: MIT */
/* The memory map the guest is told. */
#include "vmm/firmware/memory_map.h"

#include <assert.h>

static void add(struct memory_map *map, u64 start, u64 end,
		enum memory_type type)
{
	if (end <= start)
		return;
	assert(map->count < MEMORY_MAP_MAX);
	map->entry[map->count++] = (struct memory_map_entry){
		.start = start,
		.size = end - start,
		.type = type,
	};
}

void memory_map_make(const struct guest_mem *mem, struct memory_map *ret)
{
	*ret = (struct memory_map){};
	add(ret, 0, EBDA_GPA, MEMORY_RAM);
	add(ret, EBDA_GPA, GUEST_MEM_WINDOW_START, MEMORY_RESERVED);
	add(ret, ACPI_TABLES_GPA, ACPI_TABLES_GPA + ACPI_TABLES_BYTES_MAX,
	    MEMORY_RESERVED);
	add(ret, KERNEL_GPA_MIN, guest_mem_low_end(mem), MEMORY_RAM);
	add(ret, KVM_IDENTITY_MAP_GPA, KVM_IDENTITY_MAP_GPA + KVM_PRIVATE_BYTES,
	    MEMORY_RESERVED);
	add(ret, GUEST_MEM_HIGH_START, guest_mem_high_end(mem), MEMORY_RAM);
}
