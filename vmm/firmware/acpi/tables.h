/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the machine: RSDP, XSDT, RSDT, FADT, FACS, MADT, MCFG where
 * there is PCI Express, and a DSDT with the devices' nodes and \_S5. [ACPI 5.2
 * "ACPI System Description Tables"] There is no HPET: operating systems time
 * themselves by the PM timer, the local APIC and what the engine offers.
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
	u64 gpa;      /* where the tables will lie; 64-byte aligned */
	u64 ecam_gpa; /* of bus 0; 0: no PCI Express */
};

#define ACPI_POINTER_MAX 16
#define ACPI_TABLE_MAX	 8

/* Where addresses and checksums are, for whoever moves the tables. */
struct acpi_layout {
	size_t size;
	u32 pointer_count, table_count;
	struct {
		u32 offset;
		u8 size; /* 4 or 8 bytes */
	} pointer[ACPI_POINTER_MAX];
	struct {
		u32 offset, length; /* with the checksum at byte 9 */
	} table[ACPI_TABLE_MAX];
};

#define ACPI_CHECKSUM_OFFSET 9
/* [ACPI 5.2.5.3]: both of the RSDP's */
#define ACPI_RSDP_BYTES		    36
#define ACPI_RSDP_V1_BYTES	    20
#define ACPI_RSDP_CHECKSUM	    8
#define ACPI_RSDP_EXTENDED_CHECKSUM 32

/*
 * Writes the tables, the RSDP first. -ENOBUFS when `capacity` is too small.
 */
must_check int acpi_build(const struct acpi_config *config, void *data,
			  size_t capacity, struct acpi_layout *ret);

#endif
