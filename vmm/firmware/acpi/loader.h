/* SPDX-License-Identifier: MIT */
/*
 * The tables for firmware: files of fw_cfg with a script that says where they
 * go, which of their addresses to correct then, and which checksums. SeaBIOS
 * and OVMF read it as "etc/table-loader".
 */
#ifndef VMM_FIRMWARE_ACPI_LOADER_H
#define VMM_FIRMWARE_ACPI_LOADER_H

#include "vmm/firmware/acpi/tables.h"

#define ACPI_TABLES_FILE "etc/acpi/tables"
#define ACPI_RSDP_FILE	 "etc/acpi/rsdp"
#define ACPI_LOADER_FILE "etc/table-loader"

#define ACPI_LOADER_ENTRY_BYTES 128
#define ACPI_LOADER_ENTRY_MAX	(2 + ACPI_POINTER_MAX + ACPI_TABLE_MAX + 2)

struct acpi_loader {
	u8 data[ACPI_LOADER_ENTRY_MAX][ACPI_LOADER_ENTRY_BYTES];
	u32 count;
};

/*
 * `layout` is of tables built at address 0. The first file is all of them, the
 * second their first ACPI_RSDP_BYTES, which are not looked at in the first. In
 * `tables` the checksums become 0: SeaBIOS corrects what is there, OVMF counts it in.
 */
void acpi_loader_make(const struct acpi_layout *layout, u8 *tables,
		      struct acpi_loader *ret);

#endif
