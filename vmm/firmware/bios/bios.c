/* SPDX-License-Identifier: MIT */
/* The ROM and what it is told: see bios.h. */
#include "vmm/firmware/bios/bios.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static const char *const usual_places[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/qemu/bios-256k.bin",
};

/* ---- the file ---- */

static int open_usual(struct fault *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(usual_places); i++) {
		int fd = fd_open(usual_places[i], O_RDONLY, 0);

		if (fd >= 0)
			return fd;
	}
	fault_set(fault, FAULT_NOT_FOUND, 0,
		  "there is no firmware at '%s'; install the package seabios, "
		  "or give --firmware FILE",
		  usual_places[0]);
	return trace_err(-ENOENT);
}

static int open_file(const char *path, struct fault *fault)
{
	int fd = fd_open(path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		fault_set(fault, FAULT_NOT_FOUND, fd,
			  "cannot open firmware '%s'", path);
	return fd;
}

/* A mapping that is ours, so that no change of the file reaches the guest. */
static int read_rom(struct bios *bios, int fd, const char *path,
		    struct fault *fault)
{
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return fault_set(fault, FAULT_IO, -errno, "firmware '%s'", path);
	bios->size = (u64)st.st_size;
	if (!S_ISREG(st.st_mode) || bios->size < BIOS_BYTES_MIN ||
	    bios->size > BIOS_BYTES_MAX || bios->size % BIOS_BYTES_MIN) {
		fault_set(fault, FAULT_INVALID, 0,
			  "'%s' is no firmware: a ROM is a file of 64 KiB to "
			  "16 MiB, in steps of 64 KiB",
			  path);
		return trace_err(-EINVAL);
	}
	bios->rom = mmap(NULL, bios->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bios->rom == MAP_FAILED) {
		err = -errno;
		bios->rom = NULL;
		return fault_set(fault, FAULT_NO_MEMORY, err, "firmware '%s'",
				 path);
	}
	err = read_full(fd, bios->rom, bios->size);
	if (err)
		return fault_set(fault, FAULT_IO, err,
				 "cannot read firmware '%s'", path);
	return 0;
}

int bios_open(struct bios *bios, const char *path, struct fault *fault)
{
	int fd = path ? open_file(path, fault) : open_usual(fault);
	int err;

	*bios = (struct bios){};
	if (fd < 0)
		return fd;
	err = read_rom(bios, fd, path ? path : usual_places[0], fault);
	fd_close(&fd);
	if (err)
		bios_close(bios);
	return err;
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
