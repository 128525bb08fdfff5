/* SPDX-License-Identifier: MIT */
/*
 * Firmware that begins at the reset vector: its ROM at the end of the first
 * 4 GiB, and the files of fw_cfg by which it knows the machine. Made for
 * SeaBIOS.
 *
 * The last 128 KiB of the ROM are also at the end of the first MiB, where the
 * first CPU's far jump leads. That is RAM here, filled anew at each reset.
 */
#ifndef VMM_FIRMWARE_BIOS_BIOS_H
#define VMM_FIRMWARE_BIOS_BIOS_H

#include "base/err.h"
#include "vmm/firmware/acpi/loader.h"
#include "vmm/firmware/fw_cfg/fw_cfg.h"
#include "vmm/firmware/memory_map.h"
#include "vmm/firmware/smbios/smbios.h"
#include "vmm/memory/guest_mem.h"

#define BIOS_BYTES_MIN (64 * KiB)
#define BIOS_BYTES_MAX (16 * MiB)
#define BIOS_LOW_BYTES (128 * KiB)
#define BIOS_LOW_END   MiB
#define BIOS_ROM_END   (4 * GiB)
#define BIOS_E820_MAX  2

/* [ACPI 15 "System Address Map Interfaces"], as fw_cfg has it */
struct bios_e820 {
	u64 start, size;
	u32 type;
} __attribute__((packed));

struct bios {
	u8 *rom; /* owned: a mapping of `size` bytes */
	u64 size;
	/* What fw_cfg borrows: */
	struct bios_e820 e820[BIOS_E820_MAX];
	u8 acpi[ACPI_TABLES_BYTES_MAX];
	struct acpi_loader loader;
	struct smbios smbios;
	u16 serial_port, show_menu;
};

/* The machine as firmware is told of it. */
struct bios_machine {
	const char *version; /* "q35-1" */
	const struct guest_mem *mem;
	/* Of tables at address 0; its apic_id may go afterwards, the devices
	 * must stay. */
	const struct acpi_config *acpi;
	u16 serial_port; /* for the BIOS's own text; 0: none */
};

/*
 * `path` NULL: Debian's SeaBIOS. -ENOENT and others of opening, -EINVAL for a
 * size that no ROM has; the fault says it in a sentence.
 */
must_check int bios_open(struct bios *bios, const char *path,
			 struct fault *fault);
void bios_close(struct bios *bios);

/* Puts its files into fw_cfg. -ENOSPC, -ENOBUFS: ours, for want of room. */
must_check int bios_describe(struct bios *bios, struct fw_cfg *cfg,
			     const struct bios_machine *machine);

/* At each reset: the part below 1 MiB. */
void bios_load(const struct bios *bios, struct guest_mem *mem);

#endif
