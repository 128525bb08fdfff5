/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the machine: RSDP, XSDT, RSDT, FADT, FACS, MADT and a
 * DSDT with the devices' nodes and \_S5. [ACPI 5.2 "ACPI System Description
 * Tables"] There is no HPET and no PCI: operating systems time themselves by
 * the PM timer, the local APIC and what the engine offers.
 */
#ifndef VMM_FIRMWARE_ACPI_TABLES_H
#define VMM_FIRMWARE_ACPI_TABLES_H

#include "base/types.h"
#include "vmm/dev/dev.h"

#define IOAPIC_GPA 0xfec00000
#define LAPIC_GPA  0xfee00000

struct acpi_config {
	const u32 *apic_id; /* one per CPU, the first CPU's first */
	u32 cpu_count;
	u32 sci_irq;
	u16 pm_base_port;
	struct dev *const *dev; /* those with an acpi() get a node */
	u32 dev_count;
	u64 gpa; /* where the tables will lie; 16-byte aligned */
};

/*
 * Writes the tables, the RSDP first, and their total size. -ENOBUFS when
 * `capacity` is too small.
 */
must_check int acpi_build(const struct acpi_config *config, void *data,
			  size_t capacity, size_t *ret_size);

#endif
