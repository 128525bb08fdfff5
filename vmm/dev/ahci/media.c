/* SPDX-License-Identifier: MIT */
/*
 * What lies in a CD-ROM drive: one track of data on one session, as an image of
 * a file system is. What no CD has room for is a DVD. [MMC 6 "Commands for
 * Multi-Media Drives"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <string.h>

#define READ_12 0xa8
/* 80 minutes of 60 seconds of 75 frames. [MMC 4.2 "CD media overview"] */
#define CD_SECTORS_MAX (80 * 60 * 75)
#define FRAMES_BEFORE  150 /* where address 0 is in time */

#define TRACK_LEAD_OUT 0xaa
#define TRACK_DATA     0x14 /* ADR 1, and data */

#define EVENT_NEW_MEDIUM    2
#define EVENT_REMOVED	    3
#define EVENT_CLASS_MEDIA   4
#define EVENT_NONE_OF_THESE 0x80

u32 ahci_media_sectors(const struct ahci_port *port)
{
	if (!port->block || port->cdrom.tray_open)
		return 0;
	return (u32)MIN(block_size_bytes(port->block) / AHCI_CD_SECTOR,
			(u64)UINT32_MAX);
}

bool ahci_media_is_dvd(const struct ahci_port *port)
{
	return ahci_media_sectors(port) > CD_SECTORS_MAX;
}

/* ---- its content ---- */

static void has_read(struct ahci_request *request, int err)
{
	if (err) {
		ahci_packet_bad(request, SENSE_MEDIUM, ASC_READ, 0);
		return;
	}
	if (!(request->fis[FIS_FEATURE] & 1))
		ahci_post_pio_setup(request, false);
	ahci_packet_ok(request);
}

void ahci_media_read(struct ahci_request *request)
{
	const u8 *packet = request->packet;
	u32 sectors = ahci_media_sectors(request->port);
	u32 lba = get_be32(packet + 2);
	u32 count = packet[0] == READ_12 ? get_be32(packet + 6)
					 : get_be16(packet + 7);

	if (lba > sectors || count > sectors - lba)
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_BAD_ADDRESS, 0);
	else if (!count)
		ahci_packet_ok(request);
	else
		ahci_transfer(request, BLOCK_READ, (u64)lba * AHCI_CD_SECTOR,
			      (u64)count * AHCI_CD_SECTOR, has_read);
}

void ahci_media_seek(struct ahci_request *request)
{
	if (get_be32(request->packet + 2) >= ahci_media_sectors(request->port))
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_BAD_ADDRESS, 0);
	else
		ahci_packet_ok(request);
}

/* ---- what it is ---- */

void ahci_media_capacity(struct ahci_request *request)
{
	u8 reply[8];

	put_be32(reply, ahci_media_sectors(request->port) - 1);
	put_be32(reply + 4, AHCI_CD_SECTOR);
	ahci_packet_reply(request, reply, sizeof(reply), sizeof(reply));
}

/* An address as the driver wants it, as a number or in time. */
static void put_address(u8 *at, u32 lba, bool in_time)
{
	u32 frame = lba + FRAMES_BEFORE;

	if (!in_time) {
		put_be32(at, lba);
		return;
	}
	at[0] = 0;
	at[1] = (u8)MIN(frame / 75 / 60, 255u);
	at[2] = (u8)(frame / 75 % 60);
	at[3] = (u8)(frame % 75);
}

static u32 put_track(u8 *at, u8 track, u32 lba, bool in_time)
{
	at[1] = TRACK_DATA;
	at[2] = track;
	put_address(at + 4, lba, in_time);
	return 8;
}

/* [MMC 6 "READ TOC/PMA/ATIP Command"]: the tracks, or the sessions */
void ahci_media_toc(struct ahci_request *request)
{
	const u8 *packet = request->packet;
	bool in_time = packet[1] & 2;
	/* The older place of the format counts where the newer one has 0. */
	u32 format = packet[2] & 0xf ? packet[2] & 0xf : packet[9] >> 6;
	u32 first = packet[6], size = 4;
	u8 reply[20] = {[2] = 1, [3] = 1};

	if (format > 1 || (!format && first > 1 && first != TRACK_LEAD_OUT)) {
		ahci_packet_bad_field(request);
		return;
	}
	if (format || first <= 1)
		size += put_track(reply + size, 1, 0, in_time);
	if (!format)
		size += put_track(reply + size, TRACK_LEAD_OUT,
				  ahci_media_sectors(request->port), in_time);
	put_be16(reply, size - 2);
	ahci_packet_reply(request, reply, size, get_be16(packet + 7));
}

/* [MMC 6 "READ DISC INFORMATION Command"] */
void ahci_media_disc_information(struct ahci_request *request)
{
	const u8 reply[34] = {
		[1] = 32,	     /* bytes that follow */
		[2] = 0x0e,	     /* complete, and so is its last session */
		[3] = 1,    [4] = 1, /* first track, sessions */
		[5] = 1,    [6] = 1, /* tracks of the last session */
		[7] = 0x20,	     /* for any use */
	};

	if (request->packet[1] & 7)
		ahci_packet_bad_field(request);
	else
		ahci_packet_reply(request, reply, sizeof(reply),
				  get_be16(request->packet + 7));
}

/* [MMC 6 "READ DISC STRUCTURE Command"]: what it is physically, and whether it
 * is protected */
void ahci_media_dvd_structure(struct ahci_request *request)
{
	u8 format = request->packet[7];
	u32 start = 0x30000, size = format ? 8 : 4 + 2048;
	u32 sectors = ahci_media_sectors(request->port);
	u8 reply[4 + 2048] = {};

	if (!ahci_media_is_dvd(request->port)) {
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_INCOMPATIBLE, 2);
		return;
	}
	if (format > 1) {
		ahci_packet_bad_field(request);
		return;
	}
	put_be16(reply, size - 2);
	if (!format) {
		reply[4] = 0x01; /* DVD-ROM */
		reply[5] = 0x0f; /* of 120 mm, its rate not said */
		reply[6] = 0x01; /* one embossed layer */
		put_be32(reply + 8, start);
		put_be32(reply + 12, start + sectors - 1);
		put_be32(reply + 16, start + sectors - 1);
		reply[8] = reply[12] = reply[16] = 0; /* of 24 bits */
	}
	ahci_packet_reply(request, reply, size, get_be16(request->packet + 8));
}

/* ---- the tray ---- */

void ahci_media_start_stop(struct ahci_request *request)
{
	struct ahci_cdrom *cdrom = &request->port->cdrom;
	bool start = request->packet[4] & 1, tray = request->packet[4] & 2;

	if (request->packet[4] & 0xf0) /* power conditions */
		tray = false;
	if (tray && !start && cdrom->locked) {
		ahci_packet_bad(request, SENSE_ILLEGAL, ASC_LOCKED, 2);
		return;
	}
	if (tray && cdrom->tray_open == start) {
		cdrom->tray_open = !start;
		cdrom->event = start ? EVENT_NEW_MEDIUM : EVENT_REMOVED;
		if (start && request->port->block)
			cdrom->attention = ASC_NEW_MEDIUM;
	}
	ahci_packet_ok(request);
}

void ahci_media_prevent(struct ahci_request *request)
{
	request->port->cdrom.locked = request->packet[4] & 1;
	ahci_packet_ok(request);
}

/* [MMC 6 "GET EVENT STATUS NOTIFICATION Command"]: asked for, never waited for */
void ahci_media_event(struct ahci_request *request)
{
	struct ahci_port *port = request->port;
	bool asked = request->packet[4] & 1 << EVENT_CLASS_MEDIA;
	u8 reply[8] = {0, 2, EVENT_NONE_OF_THESE, 1 << EVENT_CLASS_MEDIA};
	u32 limit = get_be16(request->packet + 7);

	if (!(request->packet[1] & 1)) {
		ahci_packet_bad_field(request);
		return;
	}
	if (asked) {
		reply[1] = 6;
		reply[2] = EVENT_CLASS_MEDIA;
		reply[4] = port->cdrom.event;
		reply[5] = (u8)(port->cdrom.tray_open |
				(ahci_media_sectors(port) ? 2 : 0));
		if (limit > 4)
			port->cdrom.event = 0;
	}
	ahci_packet_reply(request, reply, asked ? 8 : 4, limit);
}
