/* SPDX-License-Identifier: MIT */
/*
 * A small writer of ACPI machine language: just the objects our tables need,
 * in the order they are called. [ACPI 20 "ACPI Machine Language (AML)
 * Specification"]
 *
 * The first thing that does not fit is remembered in `overflow`; everything
 * after it is dropped. A structure must be ended in the function that began
 * it. Names are four characters, shorter ones padded with '_' by the writer.
 */
#ifndef VMM_FIRMWARE_ACPI_AML_H
#define VMM_FIRMWARE_ACPI_AML_H

#include "base/types.h"

#define AML_DEPTH_MAX 8

struct aml {
	u8 *data; /* borrowed */
	size_t size, capacity;
	bool overflow;
	u32 depth;
	size_t open[AML_DEPTH_MAX]; /* where each open structure's length is */
	size_t crs_start;
};

void aml_init(struct aml *aml, void *data, size_t capacity);

/* Scope(\_SB) { ... } and Device(NAME) { ... } in the scope that is open. */
void aml_scope_begin(struct aml *aml, const char *name);
void aml_scope_end(struct aml *aml);
void aml_device_begin(struct aml *aml, const char *name);
void aml_device_end(struct aml *aml);

void aml_name_integer(struct aml *aml, const char *name, u64 value);
void aml_name_string(struct aml *aml, const char *name, const char *text);
/* `id` is like "PNP0501". [ACPI 6.1.5 "_HID (Hardware ID)"] */
void aml_name_eisaid(struct aml *aml, const char *name, const char *id);
/* Name(NAME, Package() { values... }); at most 255 of them. */
void aml_name_package(struct aml *aml, const char *name, const u64 *values,
		      u32 count);

/* Name(_CRS, ResourceTemplate() { ... }). [ACPI 6.4 "Resource Data Types"] */
void aml_crs_begin(struct aml *aml);
void aml_crs_io(struct aml *aml, u16 port, u8 count);
/* Edge, active high, not shared; irq 0..15. */
void aml_crs_irq(struct aml *aml, u32 irq);
void aml_crs_memory(struct aml *aml, u32 base, u32 size);
/* What a bridge passes on, both ends inclusive. [ACPI 6.4.3.5 "Address Space
 * Resource Descriptors"] */
void aml_crs_bus_range(struct aml *aml, u16 first, u16 last);
void aml_crs_io_range(struct aml *aml, u16 first, u16 last);
void aml_crs_memory_range(struct aml *aml, u32 first, u32 last);
void aml_crs_end(struct aml *aml);

/*
 * Name(_PRT, Package() { ... }): pin A of each slot below `slots` is wired to
 * the interrupt gsi(slot). [ACPI 6.2.13 "_PRT (PCI Routing Table)"]
 */
void aml_name_prt(struct aml *aml, u32 slots, u32 (*gsi)(u32 slot));

#endif
