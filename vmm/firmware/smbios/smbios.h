/* SPDX-License-Identifier: MIT */
/*
 * What the machine says of itself to whoever asks for its name: SMBIOS
 * structures and the entry point that leads to them. [SMBIOS 5.2.1 "SMBIOS 2.1
 * (32-bit) Entry Point"], [SMBIOS 7 "Structure definitions"]
 */
#ifndef VMM_FIRMWARE_SMBIOS_SMBIOS_H
#define VMM_FIRMWARE_SMBIOS_SMBIOS_H

#include "base/types.h"
#include "vmm/memory/guest_mem.h"

#define SMBIOS_BYTES_MAX   2048
#define SMBIOS_ENTRY_BYTES 31
#define SMBIOS_TABLES_FILE "etc/smbios/smbios-tables"
#define SMBIOS_ENTRY_FILE  "etc/smbios/smbios-anchor"

struct smbios_config {
	const char *version; /* of the machine, "q35-1" */
	u32 cpu_count;
	const struct guest_mem *mem;
	u32 gpa; /* where the structures will lie; firmware corrects it */
};

struct smbios {
	u8 entry[SMBIOS_ENTRY_BYTES];
	u8 data[SMBIOS_BYTES_MAX];
	size_t size;
};

void smbios_build(const struct smbios_config *config, struct smbios *ret);

#endif
