/* SPDX-License-Identifier: MIT */
/* Does what firmware does with the script, and looks at the result. */
#include "vmm/firmware/acpi/loader.h"

#include "base/test.h"

#define TABLES_AT 0x7f000000u

static u8 tables[65536], rsdp[ACPI_RSDP_BYTES];
static struct acpi_layout layout;
static struct acpi_loader loader;

static void build(void)
{
	static const u32 apic_id[2] = {0, 1};
	const struct acpi_config config = {
		.apic_id = apic_id,
		.cpu_count = 2,
		.sci_irq = 9,
		.pm_base_port = 0x600,
		.ecam_gpa = 0xb0000000,
	};

	check_eq(acpi_build(&config, tables, sizeof(tables), &layout), 0);
	acpi_loader_make(&layout, tables, &loader);
	memcpy(rsdp, tables, sizeof(rsdp));
}

static u8 *file(const u8 *name, size_t *ret_size)
{
	if (!strcmp((const char *)name, ACPI_RSDP_FILE)) {
		*ret_size = sizeof(rsdp);
		return rsdp;
	}
	check_str_eq((const char *)name, ACPI_TABLES_FILE);
	*ret_size = layout.size;
	return tables;
}

static u32 get32(const u8 *at)
{
	u32 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void add_pointer(const u8 *entry)
{
	size_t size;
	u8 *data = file(entry + 4, &size);
	u32 offset = get32(entry + 116);
	u64 value = 0;

	check_str_eq((const char *)entry + 60, ACPI_TABLES_FILE);
	check(offset + entry[120] <= size);
	memcpy(&value, data + offset, entry[120]);
	check(value < layout.size);
	value += TABLES_AT;
	memcpy(data + offset, &value, entry[120]);
}

static u8 sum(const u8 *data, size_t size)
{
	u8 total = 0;

	while (size--)
		total = (u8)(total + *data++);
	return total;
}

/* As OVMF does it; SeaBIOS would subtract the sum from what is there. */
static void add_checksum(const u8 *entry)
{
	size_t size;
	u8 *data = file(entry + 4, &size);
	u32 start = get32(entry + 64), length = get32(entry + 68);

	check(start + length <= size);
	data[get32(entry + 60)] = (u8)-sum(data + start, length);
}

static void run_script(void)
{
	for (u32 i = 0; i < loader.count; i++) {
		if (get32(loader.data[i]) == 2)
			add_pointer(loader.data[i]);
		else if (get32(loader.data[i]) == 3)
			add_checksum(loader.data[i]);
		else
			check_eq(get32(loader.data[i]), 1);
	}
}

TEST(the_script_makes_tables_that_are_right_where_they_lie)
{
	u32 xsdt, count;

	build();
	run_script();
	check_eq(sum(rsdp, 20), 0);
	check_eq(sum(rsdp, 36), 0);
	xsdt = get32(rsdp + 24) - TABLES_AT;
	check_mem_eq(tables + xsdt, "XSDT", 4);
	count = (get32(tables + xsdt + 4) - 36) / 8;
	check_eq(count, 3);
	for (u32 i = 0; i < count; i++) {
		u32 at = get32(tables + xsdt + 36 + 8 * i) - TABLES_AT;

		check(at < layout.size);
		check_eq(sum(tables + at, get32(tables + at + 4)), 0);
		if (!memcmp(tables + at, "FACP", 4))
			check_mem_eq(
				tables + (get32(tables + at + 40) - TABLES_AT),
				"DSDT", 4);
	}
}
