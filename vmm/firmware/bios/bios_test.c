/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/bios/bios.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static struct bios bios;
static struct fault fault;
static char path[] = "/tmp/bios-test-XXXXXX";

/* A ROM of `size` bytes, each the number of its 64 KiB; -errno of opening it. */
static int open_rom(u64 size)
{
	static u8 data[64 * KiB];
	int fd, err;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	check(fd >= 0);
	for (u64 at = 0; at < size; at += sizeof(data)) {
		memset(data, (int)(at / sizeof(data)) + 1, sizeof(data));
		check_eq(write_full(fd, data, MIN(size - at, sizeof(data))), 0);
	}
	close(fd);
	fault = (struct fault){};
	err = bios_open(&bios, path, &fault);
	unlink(path);
	return err;
}

TEST(the_end_of_the_rom_is_below_1_mib)
{
	struct guest_mem mem;
	u8 byte;

	check_eq(guest_mem_init(&mem, 16 * MiB, NULL), 0);
	check_eq(open_rom(256 * KiB), 0);
	check_eq(bios.size, 256 * KiB);
	bios_load(&bios, &mem);
	check(guest_mem_read(&mem, 0xe0000, &byte, 1) && byte == 3);
	check(guest_mem_read(&mem, 0xfffff, &byte, 1) && byte == 4);
	check(guest_mem_read(&mem, 0xdffff, &byte, 1) && byte == 0);
	bios_close(&bios);
	check_eq(open_rom(64 * KiB), 0);
	bios_load(&bios, &mem);
	check(guest_mem_read(&mem, 0xf0000, &byte, 1) && byte == 1);
	check(guest_mem_read(&mem, 0xeffff, &byte, 1) && byte == 3);
	bios_close(&bios);
	guest_mem_release(&mem);
}

TEST(what_is_no_rom_is_refused_with_a_sentence)
{
	check_eq(open_rom(0), -EINVAL);
	check(strstr(fault.text[0], "is empty"));
	check_eq(open_rom(64 * KiB + 1), -EINVAL);
	check(strstr(fault.text[0], "is no firmware"));
	check_eq(open_rom(16 * MiB + 64 * KiB), -EINVAL);
	check_eq(bios_open(&bios, "/no/such/rom", &fault), -ENOENT);
	check_eq(bios_open(&bios, "/tmp", &fault), -EINVAL);
	check(!bios.rom);
}

TEST(firmware_finds_memory_tables_and_the_serial_port)
{
	static const char *const files[] = {"etc/e820",
					    "etc/acpi/tables",
					    "etc/acpi/rsdp",
					    "etc/table-loader",
					    "etc/smbios/smbios-tables",
					    "etc/smbios/smbios-anchor",
					    "etc/show-boot-menu",
					    "etc/sercon-port"};
	const u32 apic_id = 0;
	const struct acpi_config acpi = {.apic_id = &apic_id,
					 .cpu_count = 1,
					 .sci_irq = 9,
					 .pm_base_port = 0x600,
					 .ecam_gpa = 0xb0000000};
	struct guest_mem mem;
	struct fw_cfg cfg;

	check_eq(guest_mem_init(&mem, GUEST_MEM_LOW_END_MAX + 64 * MiB, NULL),
		 0);
	fw_cfg_init(&cfg, &mem, 1);
	check_eq(open_rom(256 * KiB), 0);
	check_eq(bios_describe(&bios, &cfg,
			       &(struct bios_machine){.version = "q35-1",
						      .mem = &mem,
						      .acpi = &acpi,
						      .serial_port = 0x3f8}),
		 0);
	check_eq(cfg.file_count, ARRAY_SIZE(files));
	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		check_str_eq(cfg.dir.entry[i].name, files[i]);
	check_eq(cfg.item[FW_CFG_FILE_FIRST].size, 2 * 20);
	check_eq(bios.e820[1].start, 4 * GiB);
	check_eq(bios.e820[1].size, 64 * MiB);
	bios_close(&bios);
	dev_release(&cfg.dev);
	guest_mem_release(&mem);
}
