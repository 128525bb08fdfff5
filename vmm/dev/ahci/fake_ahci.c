/* SPDX-License-Identifier: MIT */
/* A driver for tests: see fake_ahci.h. */
#include "vmm/dev/ahci/fake_ahci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/dev/ahci/ahci_internal.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void set_intx(void *ctx, u32 pirq, bool level)
{
	struct fake_ahci *fake = ctx;

	must(pirq == pci_pirq_of(AHCI_SLOT));
	fake->wire = level;
}

static void send_msi(void *ctx, u64 address, u32 data)
{
	struct fake_ahci *fake = ctx;

	fake->msi_count++;
	fake->msi_gpa = address;
	fake->msi_data = data;
}

static void open_image(struct fake_ahci *fake, u32 index, u64 size)
{
	struct fault fault = {};
	struct block_config config = {
		.path = fake->path[index],
		.format = "raw",
		.discard = true,
		.read_only = index == FAKE_CDROM,
	};

	snprintf(fake->path[index], sizeof(fake->path[index]),
		 "/tmp/ahci-test-XXXXXX");
	fake->fd[index] = mkstemp(fake->path[index]);
	must(fake->fd[index] >= 0 && !ftruncate(fake->fd[index], (off_t)size));
	must(!block_open(&config, fake->loop, &fake->block[index], &fault));
}

static void plug(struct fake_ahci *fake)
{
	const u32 bdf = AHCI_SLOT * 8 + AHCI_FUNCTION;

	pci_bus_init(&fake->bus, set_intx, send_msi, fake);
	must(!pci_plug(&fake->bus, &fake->first, AHCI_SLOT));
	must(!pci_plug_function(&fake->bus, &fake->ahci->pci, AHCI_SLOT,
				AHCI_FUNCTION));
	pci_config_write(&fake->bus, bdf, PCI_BAR0 + 5 * 4, FAKE_AHCI_BAR, 4);
	pci_config_write(&fake->bus, bdf, PCI_COMMAND,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

void fake_ahci_begin(struct fake_ahci *fake)
{
	fake_ahci_begin_sized(fake, FAKE_AHCI_CD_BYTES);
}

void fake_ahci_begin_sized(struct fake_ahci *fake, u64 cd_bytes)
{
	struct fault fault = {};
	struct ahci_setup setup = {};

	memset(fake, 0, sizeof(*fake));
	must(!loop_create(&fake->loop));
	must(!guest_mem_init(&fake->mem, FAKE_AHCI_MEM_BYTES, &fault));
	open_image(fake, FAKE_DISK, FAKE_AHCI_DISK_BYTES);
	open_image(fake, FAKE_CDROM, cd_bytes);
	setup.mem = &fake->mem;
	setup.loop = fake->loop;
	setup.port[FAKE_DISK] = (struct ahci_attached){
		AHCI_DISK, fake->block[FAKE_DISK], "serial-of-a-disk-too-long"};
	setup.port[FAKE_CDROM] =
		(struct ahci_attached){AHCI_CDROM, fake->block[FAKE_CDROM], ""};
	setup.port[FAKE_EMPTY] = (struct ahci_attached){AHCI_CDROM, NULL, ""};
	fake->ahci = calloc(1, sizeof(*fake->ahci));
	must(fake->ahci);
	ahci_init(fake->ahci, &setup);
	plug(fake);
	for (u32 port = 0; port <= FAKE_EMPTY; port++)
		fake_ahci_start(fake, port);
	fake_ahci_write(fake, HBA_GHC, 2);
}

void fake_ahci_end(struct fake_ahci *fake)
{
	dev_quiesce(&fake->ahci->pci.dev);
	dev_release(&fake->ahci->pci.dev);
	free(fake->ahci);
	for (u32 i = 0; i < 2; i++) {
		block_close(fake->block[i]);
		close(fake->fd[i]);
		unlink(fake->path[i]);
	}
	pci_bus_release(&fake->bus);
	loop_free(fake->loop);
	guest_mem_release(&fake->mem);
}

/* ---- registers ---- */

u32 fake_ahci_read(struct fake_ahci *fake, u32 offset)
{
	u32 value = 0;

	pci_memory_read(&fake->bus, FAKE_AHCI_BAR + offset, &value, 4);
	return value;
}

void fake_ahci_write(struct fake_ahci *fake, u32 offset, u32 value)
{
	pci_memory_write(&fake->bus, FAKE_AHCI_BAR + offset, &value, 4);
}

u32 fake_ahci_get(struct fake_ahci *fake, u32 port, u32 offset)
{
	return fake_ahci_read(fake, 0x100 + port * 0x80 + offset);
}

void fake_ahci_put(struct fake_ahci *fake, u32 port, u32 offset, u32 value)
{
	fake_ahci_write(fake, 0x100 + port * 0x80 + offset, value);
}

void fake_ahci_start(struct fake_ahci *fake, u32 port)
{
	fake_ahci_put(fake, port, PX_CLB, (u32)fake_ahci_header_gpa(port, 0));
	fake_ahci_put(fake, port, PX_FB, (u32)fake_ahci_fis_gpa(port));
	fake_ahci_put(fake, port, PX_CMD, PXCMD_FRE);
	fake_ahci_put(fake, port, PX_SERR, UINT32_MAX);
	fake_ahci_put(fake, port, PX_IS, UINT32_MAX);
	fake_ahci_put(fake, port, PX_IE, UINT32_MAX);
	fake_ahci_put(fake, port, PX_CMD, PXCMD_FRE | PXCMD_ST);
}

void fake_ahci_restart(struct fake_ahci *fake, u32 port)
{
	fake_ahci_put(fake, port, PX_CMD, PXCMD_FRE);
	for (u32 i = 0; i < 1000; i++)
		if (fake_ahci_get(fake, port, PX_CMD) & PXCMD_CR)
			fake_ahci_round(fake);
	fake_ahci_start(fake, port);
}

/* ---- commands ---- */

static gpa_t port_gpa(u32 port)
{
	return 0x10000 + (gpa_t)port * 0x10000;
}

gpa_t fake_ahci_header_gpa(u32 port, u32 slot)
{
	return port_gpa(port) + slot * 32;
}

gpa_t fake_ahci_table_gpa(u32 port, u32 slot)
{
	return port_gpa(port) + 0x1000 + slot * 0x400;
}

gpa_t fake_ahci_fis_gpa(u32 port)
{
	return port_gpa(port) + 0x400;
}

u8 fake_ahci_byte(struct fake_ahci *fake, gpa_t gpa)
{
	u8 byte = 0;

	must(guest_mem_read(&fake->mem, gpa, &byte, 1));
	return byte;
}

static void put_mem(struct fake_ahci *fake, gpa_t gpa, const void *data,
		    u64 size)
{
	must(guest_mem_write(&fake->mem, gpa, data, size));
}

static void put_fis(struct fake_ahci *fake, gpa_t gpa,
		    const struct fake_ahci_command *command)
{
	u8 fis[20] = {
		0x27,
		FIS_IS_COMMAND,
		command->code,
		command->feature,
		(u8)command->lba,
		(u8)(command->lba >> 8),
		(u8)(command->lba >> 16),
		command->device,
		(u8)(command->lba >> 24),
		(u8)(command->lba >> 32),
		(u8)(command->lba >> 40),
		command->feature_high,
		(u8)command->count,
		(u8)(command->count >> 8),
	};

	put_mem(fake, gpa, fis, sizeof(fis));
}

void fake_ahci_put_command(struct fake_ahci *fake, u32 port, u32 slot,
			   const struct fake_ahci_command *command)
{
	gpa_t table = fake_ahci_table_gpa(port, slot);
	const u32 header[8] = {
		5 | (command->packet ? HEADER_PACKET : 0) |
			command->entry_count << 16,
		0,
		(u32)table,
	};

	put_mem(fake, fake_ahci_header_gpa(port, slot), header, sizeof(header));
	put_fis(fake, table, command);
	if (command->packet)
		put_mem(fake, table + 0x40, command->packet, 12);
	for (u32 i = 0; i < command->entry_count; i++) {
		const struct fake_ahci_entry *entry = &command->entry[i];
		const u32 words[4] = {(u32)entry->gpa, (u32)(entry->gpa >> 32),
				      0, entry->size - 1};

		put_mem(fake, table + 0x80 + i * 16, words, sizeof(words));
	}
}

void fake_ahci_round(struct fake_ahci *fake)
{
	must(loop_run_once(fake->loop, 10000000) >= 0);
}

bool fake_ahci_wait(struct fake_ahci *fake, u32 port, u32 offset, u32 slots)
{
	const u32 errors = PXIS_TFES | PXIS_HBFS | PXIS_IFS | PXIS_OFS;

	for (u32 i = 0; i < 2000; i++) {
		if (!(fake_ahci_get(fake, port, offset) & slots) ||
		    fake_ahci_get(fake, port, PX_IS) & errors)
			return true;
		fake_ahci_round(fake);
	}
	return false;
}

u32 fake_ahci_do(struct fake_ahci *fake, u32 port,
		 const struct fake_ahci_command *command)
{
	fake_ahci_put_command(fake, port, 0, command);
	fake_ahci_put(fake, port, PX_IS, UINT32_MAX);
	fake_ahci_put(fake, port, PX_CI, 1);
	if (!fake_ahci_wait(fake, port, PX_CI, 1))
		return UINT32_MAX;
	return fake_ahci_get(fake, port, PX_TFD);
}
