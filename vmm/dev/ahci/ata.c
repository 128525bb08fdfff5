/* SPDX-License-Identifier: MIT */
/*
 * The commands of ATA: which there are, for which kind of drive, and those that
 * move a disk's content. What is not in the table is aborted, as a drive does
 * with what it does not support. [ATA8-ACS 7 "Command descriptions"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#define DISK		   0x01 /* a disk has it */
#define CDROM		   0x02 /* a CD-ROM drive has it */
#define BOTH		   (DISK | CDROM)
#define EXTENDED	   0x04 /* addresses of 48 bits */
#define WRITE		   0x08
#define PIO		   0x10
#define THROUGH		   0x20 /* a write that is on the disk when it ends */
#define MULTIPLE	   0x40
#define QUEUED		   0x80
#define DEVICE_LBA	   0x40
#define DEVICE_FUA	   0x80 /* of queued writes */
#define SHORT_COUNT_ALL	   256
#define EXTENDED_COUNT_ALL 65536

struct command {
	void (*start)(struct ahci_request *request, u32 flags);
	u32 flags;
};

void ahci_ata_abort(struct ahci_request *request)
{
	ahci_end(request, ATA_BAD, ATA_ABRT);
}

void ahci_ata_ended(struct ahci_request *request, int err)
{
	if (err)
		ahci_ata_abort(request);
	else
		ahci_end(request, ATA_OK, 0);
}

static u64 lba_of(const struct ahci_request *request, bool extended)
{
	const u8 *fis = request->fis;
	u64 lba = 0;

	for (u32 i = 0; i < 3; i++)
		lba |= (u64)fis[FIS_LBA_LOW + i] << (8 * i);
	if (!extended)
		return lba | (u64)(fis[FIS_DEVICE] & 0xf) << 24;
	for (u32 i = 0; i < 3; i++)
		lba |= (u64)fis[FIS_LBA_HIGH + i] << (24 + 8 * i);
	return lba;
}

/* None means all there can be. */
static u32 count_of(const struct ahci_request *request, u32 flags)
{
	const u8 *fis = request->fis;
	u32 count = fis[FIS_COUNT];

	if (flags & QUEUED)
		count = fis[FIS_FEATURE] | (u32)fis[FIS_FEATURE_HIGH] << 8;
	else if (flags & EXTENDED)
		count |= (u32)fis[FIS_COUNT + 1] << 8;
	if (count)
		return count;
	return flags & EXTENDED ? EXTENDED_COUNT_ALL : SHORT_COUNT_ALL;
}

/* Where the command moves data. False: it has ended with an error. */
static bool take_range(struct ahci_request *request, u32 flags, u64 *ret_offset,
		       u64 *ret_size)
{
	u64 lba = lba_of(request, flags & EXTENDED);
	u64 count = count_of(request, flags);
	u64 sectors = block_size_bytes(request->port->block) / AHCI_SECTOR;

	request->lba = lba;
	request->count = (u16)count;
	if (!(request->fis[FIS_DEVICE] & DEVICE_LBA) ||
	    (flags & MULTIPLE && !request->port->disk.multiple_sectors)) {
		ahci_ata_abort(request);
		return false;
	}
	if (lba >= sectors || count > sectors - lba) {
		ahci_end(request, ATA_BAD, ATA_IDNF);
		return false;
	}
	*ret_offset = lba * AHCI_SECTOR;
	*ret_size = count * AHCI_SECTOR;
	return true;
}

/* ---- the disk's content ---- */

static void has_read(struct ahci_request *request, int err)
{
	ahci_end(request, err ? ATA_BAD : ATA_OK, err ? ATA_UNC : 0);
}

static void has_read_by_pio(struct ahci_request *request, int err)
{
	request->pio_in = !err;
	has_read(request, err);
}

static void has_written_to_flush(struct ahci_request *request, int err)
{
	if (err)
		ahci_ata_ended(request, err);
	else
		ahci_change(request, BLOCK_FLUSH, 0, 0, ahci_ata_ended);
}

static void read_sectors(struct ahci_request *request, u32 flags)
{
	u64 offset, size;

	if (take_range(request, flags, &offset, &size))
		ahci_transfer(request, BLOCK_READ, offset, size,
			      flags & PIO ? has_read_by_pio : has_read);
}

static void write_sectors(struct ahci_request *request, u32 flags)
{
	u64 offset, size;
	bool through = flags & THROUGH || request->port->disk.cache_off ||
		       (flags & QUEUED && request->fis[FIS_DEVICE] & DEVICE_FUA);

	if (take_range(request, flags, &offset, &size))
		ahci_transfer(request, BLOCK_WRITE, offset, size,
			      through ? has_written_to_flush : ahci_ata_ended);
}

/* There is no medium of our own that could be worse than what reads tell. */
static void verify_sectors(struct ahci_request *request, u32 flags)
{
	u64 offset, size;

	if (take_range(request, flags, &offset, &size))
		ahci_end(request, ATA_OK, 0);
}

/* [SATA 13.6 "Native Command Queuing"]: the slot is the tag. */
static void queued(struct ahci_request *request, u32 flags)
{
	u32 tag = request->fis[FIS_COUNT] >> 3;

	if (tag != request->slot || !(request->port->sact & BIT(request->slot)))
		ahci_ata_abort(request);
	else if (flags & WRITE)
		write_sectors(request, flags);
	else
		read_sectors(request, flags);
}

/* ---- which there are ---- */

static const struct command commands[256] = {
	[0x06] = {ahci_trim, DISK},	 /* DATA SET MANAGEMENT */
	[0x08] = {ahci_diagnose, CDROM}, /* DEVICE RESET */
	[0x20] = {read_sectors, DISK | PIO},
	[0x24] = {read_sectors, DISK | PIO | EXTENDED},
	[0x25] = {read_sectors, DISK | EXTENDED}, /* READ DMA EXT */
	[0x29] = {read_sectors, DISK | PIO | EXTENDED | MULTIPLE},
	[0x2f] = {ahci_read_log, DISK},
	[0x30] = {write_sectors, DISK},
	[0x34] = {write_sectors, DISK | EXTENDED},
	[0x35] = {write_sectors, DISK | EXTENDED}, /* WRITE DMA EXT */
	[0x39] = {write_sectors, DISK | EXTENDED | MULTIPLE},
	[0x3d] = {write_sectors, DISK | EXTENDED | THROUGH},
	[0x40] = {verify_sectors, DISK},
	[0x42] = {verify_sectors, DISK | EXTENDED},
	[0x60] = {queued, DISK | EXTENDED | QUEUED},
	[0x61] = {queued, DISK | EXTENDED | QUEUED | WRITE},
	[0x90] = {ahci_diagnose, BOTH},
	[0xa0] = {ahci_packet, CDROM},
	[0xa1] = {ahci_identify_device, CDROM}, /* IDENTIFY PACKET DEVICE */
	[0xc4] = {read_sectors, DISK | PIO | MULTIPLE},
	[0xc5] = {write_sectors, DISK | MULTIPLE},
	[0xc6] = {ahci_set_multiple, DISK},
	[0xc8] = {read_sectors, DISK},	/* READ DMA */
	[0xca] = {write_sectors, DISK}, /* WRITE DMA */
	[0xce] = {write_sectors, DISK | EXTENDED | MULTIPLE | THROUGH},
	[0xe0] = {ahci_flush, BOTH},   /* STANDBY IMMEDIATE */
	[0xe1] = {ahci_succeed, BOTH}, /* IDLE IMMEDIATE */
	[0xe2] = {ahci_flush, BOTH},   /* STANDBY */
	[0xe3] = {ahci_succeed, BOTH}, /* IDLE */
	[0xe5] = {ahci_power_mode, BOTH},
	[0xe6] = {ahci_flush, BOTH}, /* SLEEP */
	[0xe7] = {ahci_flush, DISK},
	[0xea] = {ahci_flush, DISK}, /* FLUSH CACHE EXT */
	[0xec] = {ahci_identify_device, DISK},
	[0xef] = {ahci_set_features, BOTH},
};

static const struct command *command_of(const struct ahci_request *request)
{
	const struct command *command = &commands[request->fis[FIS_COMMAND]];
	u32 kind = request->port->kind == AHCI_DISK ? DISK : CDROM;

	return command->flags & kind ? command : NULL;
}

bool ahci_ata_is_queued(const struct ahci_request *request)
{
	const struct command *command = command_of(request);

	return command && command->flags & QUEUED;
}

void ahci_ata_start(struct ahci_request *request)
{
	const struct command *command = command_of(request);

	if (command) {
		command->start(request, command->flags);
		return;
	}
	/* A drive of packets tells so: [ATA8-ACS 4.3 "The PACKET feature set"] */
	if (request->port->kind == AHCI_CDROM)
		request->lba = request->port->sig >> 8;
	ahci_ata_abort(request);
}
