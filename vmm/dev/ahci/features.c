/* SPDX-License-Identifier: MIT */
/*
 * Commands about a drive rather than about what is on it: its settings, its log,
 * its power, and what of a disk is no longer used. [ATA8-ACS 7 "Command
 * descriptions"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <string.h>

/* [ATA8-ACS 7 "SET FEATURES"] */
enum {
	SET_CACHE = 0x02,
	SET_TRANSFER_MODE = 0x03,
	SET_LOOK_AHEAD_OFF = 0x55,
	SET_KEEP = 0x66, /* settings, over a reset */
	SET_CACHE_OFF = 0x82,
	SET_LOOK_AHEAD = 0xaa,
	SET_KEEP_OFF = 0xcc,
};

#define MODE_MDMA_MAX 0x22
#define MODE_UDMA     0x40
#define MODE_UDMA_MAX 0x46

#define MULTIPLE_MAX 16

#define LOG_DIRECTORY 0x00
#define LOG_NCQ_ERROR 0x10
#define LOG_BYTES     512

#define TRIM_FEATURE   0x01
#define TRIM_LBA(word) ((word) & (BIT(48) - 1))

void ahci_succeed(struct ahci_request *request, u32 flags)
{
	(void)flags;
	ahci_end(request, ATA_OK, 0);
}

void ahci_ata_reply(struct ahci_request *request, const void *data, u32 size)
{
	if (!ahci_give(request, data, size))
		return;
	request->pio_in = true;
	ahci_end(request, ATA_OK, 0);
}

void ahci_identify_device(struct ahci_request *request, u32 flags)
{
	u16 words[256];

	(void)flags;
	ahci_identify(request->port, words);
	ahci_ata_reply(request, words, sizeof(words));
}

/* ---- settings ---- */

/* A CD-ROM drive has nothing to write out. */
void ahci_flush(struct ahci_request *request, u32 flags)
{
	if (request->port->kind == AHCI_DISK)
		ahci_change(request, BLOCK_FLUSH, 0, 0, ahci_ata_ended);
	else
		ahci_succeed(request, flags);
}

static bool mode_is_known(u8 mode)
{
	return mode <= 1 || (mode >= 0x08 && mode <= 0x0c) /* PIO */ ||
	       (mode >= 0x20 && mode <= MODE_MDMA_MAX) ||
	       (mode >= MODE_UDMA && mode <= MODE_UDMA_MAX);
}

static void set_transfer_mode(struct ahci_request *request)
{
	u8 mode = request->fis[FIS_COUNT];

	if (!mode_is_known(mode)) {
		ahci_ata_abort(request);
		return;
	}
	request->port->disk.transfer_mode = mode;
	ahci_end(request, ATA_OK, 0);
}

void ahci_set_features(struct ahci_request *request, u32 flags)
{
	struct ahci_port *port = request->port;
	u8 feature = request->fis[FIS_FEATURE];
	bool cache = feature == SET_CACHE || feature == SET_CACHE_OFF;

	if (cache && port->kind != AHCI_DISK) {
		ahci_ata_abort(request);
		return;
	}
	switch (feature) {
	case SET_TRANSFER_MODE:
		set_transfer_mode(request);
		break;
	case SET_CACHE:
		port->disk.cache_off = false;
		ahci_succeed(request, flags);
		break;
	case SET_CACHE_OFF:
		port->disk.cache_off = true;
		ahci_flush(request, flags);
		break;
	case SET_LOOK_AHEAD:
	case SET_LOOK_AHEAD_OFF:
	case SET_KEEP:
	case SET_KEEP_OFF:
		ahci_succeed(request, flags);
		break;
	default:
		ahci_ata_abort(request);
		break;
	}
}

/* [ATA8-ACS 7 "SET MULTIPLE MODE"]: a power of two, or none */
void ahci_set_multiple(struct ahci_request *request, u32 flags)
{
	u8 count = request->fis[FIS_COUNT];

	if (count > MULTIPLE_MAX || count & (count - 1)) {
		ahci_ata_abort(request);
		return;
	}
	request->port->disk.multiple_sectors = count;
	ahci_succeed(request, flags);
}

/* [ATA8-ACS 7 "CHECK POWER MODE"]: it is active. */
void ahci_power_mode(struct ahci_request *request, u32 flags)
{
	request->count = 0xff;
	ahci_succeed(request, flags);
}

/* Ends with the device's signature. [ATA8-ACS 7 "EXECUTE DEVICE DIAGNOSTIC"] */
void ahci_diagnose(struct ahci_request *request, u32 flags)
{
	bool disk = request->port->kind == AHCI_DISK;

	(void)flags;
	ahci_device_reset(request->port);
	request->lba = request->port->sig >> 8;
	request->count = 1;
	ahci_end(request, disk ? ATA_OK : 0, 1 /* all passed */);
}

/* ---- the log ---- */

static void fill_error_log(const struct ahci_disk *disk, u8 *log)
{
	u8 sum = 0;

	log[0] = disk->failed_tag;
	log[2] = disk->failed_status;
	log[3] = disk->failed_error;
	for (u32 i = 0; i < 3; i++) {
		log[FIS_LBA_LOW + i] = (u8)(disk->failed_lba >> (8 * i));
		log[FIS_LBA_HIGH + i] = (u8)(disk->failed_lba >> (24 + 8 * i));
	}
	log[FIS_COUNT] = (u8)disk->failed_count;
	log[FIS_COUNT + 1] = (u8)(disk->failed_count >> 8);
	for (u32 i = 0; i < LOG_BYTES - 1; i++)
		sum = (u8)(sum + log[i]);
	log[LOG_BYTES - 1] = (u8)-sum;
}

/* [ATA8-ACS 7 "READ LOG EXT"]: the directory, and the last error of the queue */
void ahci_read_log(struct ahci_request *request, u32 flags)
{
	const u8 *fis = request->fis;
	u8 log[LOG_BYTES] = {};
	u32 page = fis[FIS_LBA_LOW + 1] | (u32)fis[FIS_LBA_HIGH + 1] << 8;
	u32 count = fis[FIS_COUNT] | (u32)fis[FIS_COUNT + 1] << 8;

	(void)flags;
	if (page || count != 1 ||
	    (fis[FIS_LBA_LOW] != LOG_DIRECTORY &&
	     fis[FIS_LBA_LOW] != LOG_NCQ_ERROR)) {
		ahci_ata_abort(request);
		return;
	}
	if (fis[FIS_LBA_LOW] == LOG_NCQ_ERROR) {
		fill_error_log(&request->port->disk, log);
	} else {
		log[0] = 1;		    /* the directory's version */
		log[2 * LOG_NCQ_ERROR] = 1; /* one page */
	}
	ahci_ata_reply(request, log, sizeof(log));
}

/* ---- what is no longer used ---- */

static void trim_next(struct ahci_request *request, int err)
{
	u64 sectors = block_size_bytes(request->port->block) / AHCI_SECTOR;

	while (!err && request->trim_next < AHCI_TRIM_MAX) {
		u64 word = request->trim[request->trim_next++];
		u64 lba = TRIM_LBA(word), count = word >> 48;

		if (!count)
			continue;
		if (lba >= sectors || count > sectors - lba) {
			request->lba = lba;
			ahci_end(request, ATA_BAD, ATA_IDNF);
			return;
		}
		ahci_change(request, BLOCK_DISCARD, lba * AHCI_SECTOR,
			    count * AHCI_SECTOR, trim_next);
		return;
	}
	ahci_ata_ended(request, err);
}

/* [ATA8-ACS 7 "DATA SET MANAGEMENT"]: ranges of an address and a length, one
 * block of them, as IDENTIFY says */
void ahci_trim(struct ahci_request *request, u32 flags)
{
	const u8 *fis = request->fis;

	(void)flags;
	if (fis[FIS_FEATURE] != TRIM_FEATURE || fis[FIS_COUNT] != 1 ||
	    fis[FIS_COUNT + 1] || !block_discards(request->port->block)) {
		ahci_ata_abort(request);
		return;
	}
	request->trim_next = 0;
	if (ahci_take(request, request->trim, sizeof(request->trim)))
		trim_next(request, 0);
}
