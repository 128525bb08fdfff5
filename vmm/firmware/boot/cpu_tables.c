/* SPDX-License-Identifier: MIT */
/* Flat segments and one-to-one pages. */
#include "vmm/firmware/boot/cpu_tables.h"

#include <assert.h>

#include "vmm/firmware/memory_map.h"

/* Base 0, limit 4 GiB in pages, present, ring 0, accessed. */
#define DESC_CODE_64 0x00af9b000000ffffull
#define DESC_CODE_32 0x00cf9b000000ffffull
#define DESC_DATA    0x00cf93000000ffffull
/* A busy 32-bit task state segment of 104 bytes at 0. */
#define DESC_TSS 0x00008b0000000067ull

#define PTE_PRESENT  0x001
#define PTE_WRITABLE 0x002
#define PTE_LARGE    0x080

#define PAGE_DIRECTORIES 4
#define ENTRIES_PER_PAGE 512

static void put(struct guest_mem *mem, gpa_t gpa, const void *data, u64 size)
{
	/* All of it lies in the first 64 KiB, which is always RAM. */
	if (!guest_mem_write(mem, gpa, data, size))
		assert(false);
}

/*
 * Selector 0x10 is the code segment of the boot protocol in either mode;
 * 0x08 is the other one, for whoever wants to switch.
 */
void boot_put_gdt(struct guest_mem *mem, bool long_mode)
{
	const u64 gdt[BOOT_GDT_COUNT] = {
		0,
		long_mode ? DESC_CODE_32 : DESC_CODE_64,
		long_mode ? DESC_CODE_64 : DESC_CODE_32,
		DESC_DATA,
		DESC_TSS,
	};

	put(mem, BOOT_GDT_GPA, gdt, sizeof(gdt));
}

void boot_put_page_tables(struct guest_mem *mem)
{
	const gpa_t pml4 = BOOT_PAGE_TABLES_GPA;
	const gpa_t pdpt = pml4 + GUEST_PAGE_BYTES;
	const gpa_t directory = pdpt + GUEST_PAGE_BYTES;
	const u64 table = PTE_PRESENT | PTE_WRITABLE;
	u64 entry[ENTRIES_PER_PAGE] = {pdpt | table};

	put(mem, pml4, entry, sizeof(entry));
	for (u64 i = 0; i < PAGE_DIRECTORIES; i++)
		entry[i] = (directory + i * GUEST_PAGE_BYTES) | table;
	put(mem, pdpt, entry, sizeof(entry));
	for (u64 d = 0; d < PAGE_DIRECTORIES; d++) {
		for (u64 i = 0; i < ENTRIES_PER_PAGE; i++)
			entry[i] = (d * ENTRIES_PER_PAGE + i) * 2 * MiB |
				   table | PTE_LARGE;
		put(mem, directory + d * GUEST_PAGE_BYTES, entry, sizeof(entry));
	}
}
