/* SPDX-License-Identifier: MIT */
/* The ROM and what it is told: see bios.h. */
#include "vmm/firmware/bios/bios.h"

#include <assert.h>
#include <sys/mman.h>

#include "vmm/firmware/rom.h"

static const char *const usual_places[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/qemu/bios-256k.bin",
};

/* ---- the file ---- */

static const struct rom_kind kind = {
	.what = "firmware",
	.sizes = "64 KiB to 16 MiB, in steps of 64 KiB",
	.bytes_min = BIOS_BYTES_MIN,
	.bytes_max = BIOS_BYTES_MAX,
	.bytes_step = BIOS_BYTES_MIN,
};

int bios_open(struct bios *bios, const char *path, struct fault *fault)
{
	int place;

	*bios = (struct bios){};
	if (path)
		return rom_map(&kind, path, &bios->rom, &bios->size, fault);
	place = rom_find(&kind, usual_places, ARRAY_SIZE(usual_places),
			 "install the package seabios, or give --firmware FILE",
			 fault);
	if (place < 0)
		return place;
	return rom_map(&kind, usual_places[place], &bios->rom, &bios->size,
		       fault);
}

void bios_close(struct bios *bios)
{
	if (bios->rom)
		munmap(bios->rom, bios->size);
	bios->rom = NULL;
}

void bios_load(const struct bios *bios, struct guest_mem *mem)
{
	u64 size = MIN(bios->size, BIOS_LOW_BYTES);
	bool done = guest_mem_write(mem, BIOS_LOW_END - size,
				    bios->rom + bios->size - size, size);

	assert(done); /* the smallest memory has this */
}

/* ---- its files ---- */

static u32 fill_e820(struct bios *bios, const struct guest_mem *mem)
{
	u64 high_end = guest_mem_high_end(mem);

	bios->e820[0] = (struct bios_e820){.size = guest_mem_low_end(mem),
					   .type = MEMORY_RAM};
	if (high_end == GUEST_MEM_HIGH_START)
		return 1;
	bios->e820[1] = (struct bios_e820){
		.start = GUEST_MEM_HIGH_START,
		.size = high_end - GUEST_MEM_HIGH_START,
		.type = MEMORY_RAM,
	};
	return 2;
}

static int add_acpi(struct bios *bios, struct fw_cfg *cfg,
		    const struct acpi_config *acpi)
{
	struct acpi_layout layout;
	int err = acpi_build(acpi, bios->acpi, sizeof(bios->acpi), &layout);

	assert(!acpi->gpa);
	if (err)
		return err;
	acpi_loader_make(&layout, bios->acpi, &bios->loader);
	err = fw_cfg_add_file(cfg, ACPI_TABLES_FILE, bios->acpi,
			      (u32)layout.size);
	if (!err)
		err = fw_cfg_add_file(cfg, ACPI_RSDP_FILE, bios->acpi,
				      ACPI_RSDP_BYTES);
	if (!err)
		err = fw_cfg_add_file(cfg, ACPI_LOADER_FILE, bios->loader.data,
				      bios->loader.count *
					      ACPI_LOADER_ENTRY_BYTES);
	return err;
}

static int add_smbios(struct bios *bios, struct fw_cfg *cfg,
		      const struct bios_machine *machine)
{
	struct smbios *smbios = &bios->smbios;
	int err;

	smbios_build(
		&(struct smbios_config){.version = machine->version,
					.cpu_count = machine->acpi->cpu_count,
					.mem = machine->mem},
		smbios);
	err = fw_cfg_add_file(cfg, SMBIOS_TABLES_FILE, smbios->data,
			      (u32)smbios->size);
	if (!err)
		err = fw_cfg_add_file(cfg, SMBIOS_ENTRY_FILE, smbios->entry,
				      sizeof(smbios->entry));
	return err;
}

int bios_describe(struct bios *bios, struct fw_cfg *cfg,
		  const struct bios_machine *machine)
{
	u32 count = fill_e820(bios, machine->mem);
	int err = fw_cfg_add_file(cfg, "etc/e820", bios->e820,
				  count * (u32)sizeof(bios->e820[0]));

	if (!err)
		err = add_acpi(bios, cfg, machine->acpi);
	if (!err)
		err = add_smbios(bios, cfg, machine);
	/* No prompt for a boot menu, which takes seconds. */
	bios->show_menu = 0;
	if (!err)
		err = fw_cfg_add_file(cfg, "etc/show-boot-menu",
				      &bios->show_menu, 2);
	/* Without a screen the BIOS's text goes to the serial port. */
	bios->serial_port = machine->serial_port;
	if (!err && bios->serial_port)
		err = fw_cfg_add_file(cfg, "etc/sercon-port",
				      &bios->serial_port, 2);
	return err;
}
