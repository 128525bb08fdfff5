/* SPDX-License-Identifier: MIT */
/*
 * A CD-ROM drive: the packets of its commands, sense data, and what it answers
 * about itself. Each command ends good or with CHECK CONDITION; why is in the
 * sense data that the next REQUEST SENSE gets. [ATA8-ACS 7 "PACKET"], [SPC 4.5
 * "Sense data"], [MMC 6 "Commands for Multi-Media Drives"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <string.h>

#define FEATURE_DMA 0x01
/* Why the drive interrupts: [ATA8-ACS 7 "PACKET"] */
#define REASON_STATUS 0x03

#define NEEDS_MEDIUM	  0x01
#define IGNORES_ATTENTION 0x02

#define PROFILE_CD  0x0008
#define PROFILE_DVD 0x0010

struct packet_command {
	void (*start)(struct ahci_request *request);
	u32 flags;
};

/* ---- ends ---- */

static void end(struct ahci_request *request, u8 status, u8 error)
{
	request->count = REASON_STATUS;
	/* The bytes of the last part, where the low and middle address are. */
	request->lba = (u64)MIN(request->done_bytes, (u32)UINT16_MAX) << 8;
	ahci_end(request, status, error);
}

void ahci_packet_ok(struct ahci_request *request)
{
	end(request, ATA_OK, 0);
}

void ahci_packet_bad(struct ahci_request *request, u8 key, u8 code, u8 qualifier)
{
	struct ahci_cdrom *cdrom = &request->port->cdrom;

	cdrom->key = key;
	cdrom->code = code;
	cdrom->qualifier = qualifier;
	end(request, ATA_BAD, (u8)(key << 4 | ATA_ABRT));
}

void ahci_packet_bad_field(struct ahci_request *request)
{
	ahci_packet_bad(request, SENSE_ILLEGAL, ASC_BAD_FIELD, 0);
}

void ahci_packet_reply(struct ahci_request *request, const void *data, u32 size,
		       u32 limit)
{
	bool dma = request->fis[FIS_FEATURE] & FEATURE_DMA;

	size = MIN(size, limit);
	if (!ahci_give(request, data, size))
		return;
	if (size && !dma)
		ahci_post_pio_setup(request, false);
	ahci_packet_ok(request);
}

/* ---- about the drive ---- */

static void test_unit_ready(struct ahci_request *request)
{
	ahci_packet_ok(request);
}

/* What was wrong with the command before, or what has happened since. */
static void request_sense(struct ahci_request *request)
{
	struct ahci_cdrom *cdrom = &request->port->cdrom;
	u8 sense[18] = {0x70, [7] = sizeof(sense) - 8};

	if (!cdrom->key && cdrom->attention) {
		cdrom->key = SENSE_ATTENTION;
		cdrom->code = cdrom->attention;
		cdrom->qualifier = 0;
		cdrom->attention = 0;
	}
	sense[2] = cdrom->key;
	sense[12] = cdrom->code;
	sense[13] = cdrom->qualifier;
	cdrom->key = cdrom->code = cdrom->qualifier = 0;
	ahci_packet_reply(request, sense, sizeof(sense), request->packet[4]);
}

static void inquiry(struct ahci_request *request)
{
	static const u8 reply[36] = "\x05\x80\x00\x21\x1f\x00\x00\x00"
				    "KEEL    CD-ROM          1.0 ";

	if (request->packet[1] & 1) /* there are no pages of product data */
		ahci_packet_bad_field(request);
	else
		ahci_packet_reply(request, reply, sizeof(reply),
				  get_be16(request->packet + 3));
}

/* ---- MODE SENSE ---- */

#define PAGE_ERRORS	  0x01
#define PAGE_CAPABILITIES 0x2a
#define PAGE_ALL	  0x3f
#define PAGE_CHANGEABLE	  1
#define PAGE_SAVED	  3

static u32 put_errors_page(u8 *at)
{
	at[0] = PAGE_ERRORS;
	at[1] = 6;
	at[3] = 5; /* retries */
	return 8;
}

/* [MMC 7 "MM Capabilities and Mechanical Status Page"] */
static u32 put_capabilities_page(const struct ahci_port *port, u8 *at)
{
	at[0] = PAGE_CAPABILITIES;
	at[1] = 18;
	at[2] = 0x0b; /* reads CD-R, CD-RW, DVD-ROM */
	at[4] = 0x70; /* mode 2 of both forms, sessions */
	at[6] = (u8)(0x29 | (port->cdrom.locked ? 2 : 0)); /* tray, eject, lock */
	put_be16(at + 8, 7056);				   /* kB/s */
	put_be16(at + 12, 512);				   /* KiB of buffer */
	put_be16(at + 14, 7056);
	return 20;
}

static void mode_sense(struct ahci_request *request)
{
	u32 page = request->packet[2] & 0x3f, control = request->packet[2] >> 6;
	u8 reply[64] = {};
	u32 size = 8;

	if (control == PAGE_SAVED) {
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_SAVING, 0);
		return;
	}
	if (page == PAGE_ERRORS || page == PAGE_ALL)
		size += put_errors_page(reply + size);
	if (page == PAGE_CAPABILITIES || page == PAGE_ALL)
		size += put_capabilities_page(request->port, reply + size);
	if (size == 8) {
		ahci_packet_bad_field(request);
		return;
	}
	if (control == PAGE_CHANGEABLE) /* nothing in there is */
		for (u32 at = 8; at < size; at += 2 + reply[at + 1])
			memset(reply + at + 2, 0, reply[at + 1]);
	put_be16(reply, size - 2);
	ahci_packet_reply(request, reply, size, get_be16(request->packet + 7));
}

/* ---- GET CONFIGURATION ---- */

struct feature {
	u16 code;
	u8 version_and_persistent;
	bool of_cd, of_dvd, always; /* when it is current */
	u8 size;
	u8 data[8];
};

/* [MMC 5 "Features and Profiles for Multi-Media Devices"] */
static const struct feature features[] = {
	{0x0000, 0x02, .always = true, .size = 8,
	 .data = {0, PROFILE_DVD, 0, 0, 0, PROFILE_CD, 0, 0}},
	{0x0001, 0x0a, .always = true, .size = 8,
	 .data = {0, 0, 0, 7 /* SATA */}},
	{0x0003, 0x02, .always = true, .size = 4, .data = {0x29}},
	{0x0010, 0x00, .of_cd = true, .of_dvd = true, .size = 8,
	 .data = {0, 0, 8, 0 /* 2048 */, 0, 16, 0, 0}},
	{0x001e, 0x08, .of_cd = true, .size = 4},
	{0x001f, 0x00, .of_dvd = true, .size = 0},
};

#define ASKED_ALL     0
#define ASKED_CURRENT 1
#define ASKED_ONE     2

static bool is_current(const struct feature *feature, u32 profile)
{
	return feature->always || (feature->of_cd && profile == PROFILE_CD) ||
	       (feature->of_dvd && profile == PROFILE_DVD);
}

static u32 put_feature(const struct feature *feature, u32 profile, u8 *at)
{
	put_be16(at, feature->code);
	at[2] = (u8)(feature->version_and_persistent |
		     is_current(feature, profile));
	at[3] = feature->size;
	memcpy(at + 4, feature->data, feature->size);
	if (!feature->code) { /* the profiles */
		at[6] = profile == PROFILE_DVD;
		at[10] = profile == PROFILE_CD;
	}
	return 4u + feature->size;
}

static u32 current_profile(const struct ahci_port *port)
{
	if (!ahci_media_sectors(port))
		return 0;
	return ahci_media_is_dvd(port) ? PROFILE_DVD : PROFILE_CD;
}

static void get_configuration(struct ahci_request *request)
{
	u32 asked = request->packet[1] & 3,
	    first = get_be16(request->packet + 2);
	u32 profile = current_profile(request->port), size = 8;
	u8 reply[8 + ARRAY_SIZE(features) * 12] = {};

	if (asked > ASKED_ONE) {
		ahci_packet_bad_field(request);
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *feature = &features[i];

		if (asked == ASKED_ONE ? feature->code != first
				       : feature->code < first)
			continue;
		if (asked == ASKED_CURRENT && !is_current(feature, profile))
			continue;
		size += put_feature(feature, profile, reply + size);
	}
	put_be32(reply, size - 4);
	put_be16(reply + 6, profile);
	ahci_packet_reply(request, reply, size, get_be16(request->packet + 7));
}

/* ---- which there are ---- */

static const struct packet_command commands[256] = {
	[0x00] = {test_unit_ready, NEEDS_MEDIUM},
	[0x03] = {request_sense, IGNORES_ATTENTION},
	[0x12] = {inquiry, IGNORES_ATTENTION},
	[0x1b] = {ahci_media_start_stop, 0},
	[0x1e] = {ahci_media_prevent, 0},
	[0x25] = {ahci_media_capacity, NEEDS_MEDIUM},
	[0x28] = {ahci_media_read, NEEDS_MEDIUM},
	[0x2b] = {ahci_media_seek, NEEDS_MEDIUM},
	[0x43] = {ahci_media_toc, NEEDS_MEDIUM},
	[0x46] = {get_configuration, IGNORES_ATTENTION},
	[0x4a] = {ahci_media_event, IGNORES_ATTENTION},
	[0x51] = {ahci_media_disc_information, NEEDS_MEDIUM},
	[0x5a] = {mode_sense, 0},
	[0xa8] = {ahci_media_read, NEEDS_MEDIUM},
	[0xad] = {ahci_media_dvd_structure, NEEDS_MEDIUM},
	[0xbb] = {ahci_packet_ok, 0}, /* SET CD SPEED */
};

void ahci_packet(struct ahci_request *request, u32 flags)
{
	const struct packet_command *command = &commands[request->packet[0]];
	struct ahci_cdrom *cdrom = &request->port->cdrom;
	u8 attention = cdrom->attention;

	(void)flags;
	if (command->start != request_sense)
		cdrom->key = cdrom->code = cdrom->qualifier = 0;
	if (!command->start) {
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_BAD_COMMAND, 0);
	} else if (attention && !(command->flags & IGNORES_ATTENTION)) {
		cdrom->attention = 0;
		ahci_packet_bad(request, SENSE_ATTENTION, attention, 0);
	} else if (command->flags & NEEDS_MEDIUM &&
		   !ahci_media_sectors(request->port)) {
		ahci_packet_bad(request, SENSE_NOT_READY, ASC_NO_MEDIUM,
				cdrom->tray_open ? 2 : 1);
	} else {
		command->start(request);
	}
}

/* The tray stays as it is. */
void ahci_cdrom_reset(struct ahci_port *port)
{
	port->cdrom = (struct ahci_cdrom){
		.tray_open = port->cdrom.tray_open,
		.attention = ASC_WAS_RESET,
	};
}
