/* SPDX-License-Identifier: MIT */
/* The script for firmware: see loader.h. */
#include "vmm/firmware/acpi/loader.h"

#include <assert.h>
#include <string.h>

#define NAME_BYTES 56

enum command {
	ALLOCATE = 1,
	ADD_POINTER = 2,
	ADD_CHECKSUM = 3,
};

enum zone {
	ZONE_HIGH = 1,
	ZONE_F_SEGMENT = 2, /* where operating systems look for the RSDP */
};

struct entry {
	u32 command;
	union {
		struct {
			char file[NAME_BYTES];
			u32 align;
			u8 zone;
		} __attribute__((packed)) allocate;
		struct {
			char file[NAME_BYTES];
			char pointed_at[NAME_BYTES];
			u32 offset;
			u8 size;
		} __attribute__((packed)) pointer;
		struct {
			char file[NAME_BYTES];
			u32 offset, start, length;
		} __attribute__((packed)) checksum;
		u8 all[ACPI_LOADER_ENTRY_BYTES - 4];
	};
} __attribute__((packed));

static_assert(sizeof(struct entry) == ACPI_LOADER_ENTRY_BYTES, "as firmware");

static void add(struct acpi_loader *loader, const struct entry *entry)
{
	assert(loader->count < ACPI_LOADER_ENTRY_MAX);
	memcpy(loader->data[loader->count++], entry, sizeof(*entry));
}

static void put_name(char *to, const char *name)
{
	assert(strlen(name) < NAME_BYTES);
	memcpy(to, name, strlen(name));
}

static void allocate(struct acpi_loader *loader, const char *file, u32 align,
		     enum zone zone)
{
	struct entry entry = {.command = ALLOCATE};

	put_name(entry.allocate.file, file);
	entry.allocate.align = align;
	entry.allocate.zone = (u8)zone;
	add(loader, &entry);
}

/* Those of the RSDP are in its own file. */
static const char *file_of(u32 offset)
{
	return offset < ACPI_RSDP_BYTES ? ACPI_RSDP_FILE : ACPI_TABLES_FILE;
}

static void add_pointer(struct acpi_loader *loader, u32 offset, u8 size)
{
	struct entry entry = {.command = ADD_POINTER};

	put_name(entry.pointer.file, file_of(offset));
	put_name(entry.pointer.pointed_at, ACPI_TABLES_FILE);
	entry.pointer.offset = offset;
	entry.pointer.size = size;
	add(loader, &entry);
}

static void add_checksum(struct acpi_loader *loader, u32 start, u32 length,
			 u32 offset)
{
	struct entry entry = {.command = ADD_CHECKSUM};

	put_name(entry.checksum.file, file_of(start));
	entry.checksum.offset = start + offset;
	entry.checksum.start = start;
	entry.checksum.length = length;
	add(loader, &entry);
}

static void clear_checksums(const struct acpi_layout *layout, u8 *tables)
{
	for (u32 i = 0; i < layout->table_count; i++)
		tables[layout->table[i].offset + ACPI_CHECKSUM_OFFSET] = 0;
	tables[ACPI_RSDP_CHECKSUM] = 0;
	tables[ACPI_RSDP_EXTENDED_CHECKSUM] = 0;
}

void acpi_loader_make(const struct acpi_layout *layout, u8 *tables,
		      struct acpi_loader *ret)
{
	*ret = (struct acpi_loader){};
	clear_checksums(layout, tables);
	allocate(ret, ACPI_TABLES_FILE, 64, ZONE_HIGH);
	allocate(ret, ACPI_RSDP_FILE, 16, ZONE_F_SEGMENT);
	for (u32 i = 0; i < layout->pointer_count; i++)
		add_pointer(ret, layout->pointer[i].offset,
			    layout->pointer[i].size);
	for (u32 i = 0; i < layout->table_count; i++)
		add_checksum(ret, layout->table[i].offset,
			     layout->table[i].length, ACPI_CHECKSUM_OFFSET);
	/* The second one covers the first. */
	add_checksum(ret, 0, ACPI_RSDP_V1_BYTES, ACPI_RSDP_CHECKSUM);
	add_checksum(ret, 0, ACPI_RSDP_BYTES, ACPI_RSDP_EXTENDED_CHECKSUM);
}
