/* SPDX-License-Identifier: MIT */
/* What the files of this room have of one another. dev.lock is held. */
#ifndef VMM_DEV_AHCI_AHCI_INTERNAL_H
#define VMM_DEV_AHCI_AHCI_INTERNAL_H

#include "vmm/dev/ahci/ahci.h"

#define AHCI_SECTOR    BLOCK_SECTOR_BYTES
#define AHCI_CD_SECTOR 2048

/* [ATA8-ACS 6 "Normal and error outputs field descriptions"] */
#define ATA_BSY 0x80
#define ATA_DRQ 0x08
#define ATA_ERR 0x01
#define ATA_OK	0x50 /* DRDY, and a bit that once was "seek complete" */
#define ATA_BAD (ATA_OK | ATA_ERR)

#define ATA_UNC	 0x40 /* the medium cannot be read */
#define ATA_IDNF 0x10 /* no such address */
#define ATA_ABRT 0x04

/* [AHCI 3.3.5 "Offset 10h: PxIS - Port x Interrupt Status"] */
#define PXIS_DHRS 0x00000001u /* a register FIS came */
#define PXIS_PSS  0x00000002u /* a PIO setup FIS came */
#define PXIS_SDBS 0x00000008u /* a set device bits FIS came */
#define PXIS_DPS  0x00000020u /* an entry with its I bit was done */
#define PXIS_PCS  0x00000040u /* as PxSERR.DIAG.X */
#define PXIS_PRCS 0x00400000u /* as PxSERR.DIAG.N */
#define PXIS_OFS  0x01000000u /* more data than the PRDT has room for */
#define PXIS_IFS  0x08000000u /* what was sent is no FIS */
#define PXIS_HBFS 0x20000000u /* a bad pointer */
#define PXIS_TFES 0x40000000u /* the device has an error */

/* [AHCI 3.3.7 "Offset 18h: PxCMD - Port x Command and Status"] */
#define PXCMD_ST	0x00000001u
#define PXCMD_SUD	0x00000002u
#define PXCMD_POD	0x00000004u
#define PXCMD_CLO	0x00000008u
#define PXCMD_FRE	0x00000010u
#define PXCMD_CCS	0x00001f00u
#define PXCMD_CCS_SHIFT 8
#define PXCMD_FR	0x00004000u
#define PXCMD_CR	0x00008000u
#define PXCMD_ATAPI	0x01000000u
#define PXCMD_DLAE	0x02000000u

/* [AHCI 4.2.2 "Command List Structure"]: of a header's first word */
#define HEADER_CFL    0x001f
#define HEADER_PACKET 0x0020

/* The FIS of a command. [SATA 10.3.4 "Register - Host to Device FIS"] */
enum {
	FIS_FLAGS = 1,
	FIS_COMMAND = 2,
	FIS_FEATURE = 3,
	FIS_LBA_LOW = 4, /* three bytes */
	FIS_DEVICE = 7,
	FIS_LBA_HIGH = 8, /* three bytes */
	FIS_FEATURE_HIGH = 11,
	FIS_COUNT = 12, /* two bytes */
	FIS_CONTROL = 15,
};
#define FIS_IS_COMMAND	 0x80
#define FIS_CONTROL_SRST 0x04

/* ---- ahci.c ---- */

/* After PxIS, PxIE, IS or GHC may have changed. */
void ahci_drive_irq(struct ahci *ahci);
/* Commands may be waiting; any thread. */
void ahci_notify(struct ahci *ahci);

/* ---- port.c ---- */

u32 ahci_port_read(struct ahci_port *port, u32 offset);
void ahci_port_write(struct ahci_port *port, u32 offset, u32 value);
/* As on power-on or by GHC.HR; the lists' addresses stay for the caller. */
void ahci_port_reset(struct ahci_port *port);
/* What the port interrupts for. */
u32 ahci_port_status(const struct ahci_port *port);
/* Begins what waits and may begin. The loop's thread. */
void ahci_port_serve(struct ahci_port *port);
/* Tells of what had to wait for the image, once nothing is in flight. */
void ahci_port_settle(struct ahci_port *port);
/* The HBA cannot go on with a command: PxIS bits, and the port halts. */
void ahci_port_fault(struct ahci_port *port, u32 bits);
/* Of a command, with the result's FIS and the interrupt it asks for. */
void ahci_end(struct ahci_request *request, u8 status, u8 error);
/* The queue is lost, by the command of this slot, whose tag `tag` is. */
void ahci_end_queue(struct ahci_port *port, u8 tag, u8 error);
/* The state of a device after a reset that leaves its power on. */
void ahci_device_reset(struct ahci_port *port);

/* ---- command.c ---- */

/* Reads a slot's header, FIS and packet. False: the port has halted. */
must_check bool ahci_fetch(struct ahci_request *request);
/*
 * The next part of the PRDT into request->iov: at most `bytes`, a multiple of
 * sectors as the result is. 0: the port has halted.
 */
u64 ahci_gather(struct ahci_request *request, u64 bytes);
/* Data of the device's own, to and from the guest. False: halted. */
must_check bool ahci_give(struct ahci_request *request, const void *data,
			  u32 size);
must_check bool ahci_take(struct ahci_request *request, void *data, u32 size);
/* Into the received FIS structure, where the driver wants them. */
void ahci_post_registers(struct ahci_port *port, u8 flags, u64 lba, u16 count);
void ahci_post_result(struct ahci_request *request);
void ahci_post_pio_setup(struct ahci_request *request, bool interrupt);
void ahci_post_device_bits(struct ahci_port *port, u32 done);

/* ---- transfer.c ---- */

/* Reads or writes; `ended` gets 0 or the image's error, unless the command
 * was lost meanwhile. */
void ahci_transfer(struct ahci_request *request, enum block_op op,
		   u64 offset_bytes, u64 size_bytes, ahci_ended ended);
/* The same of what needs no memory. */
void ahci_change(struct ahci_request *request, enum block_op op,
		 u64 offset_bytes, u64 size_bytes, ahci_ended ended);

/* ---- ata.c ---- */

/* Does what the command's FIS says. */
void ahci_ata_start(struct ahci_request *request);
bool ahci_ata_is_queued(const struct ahci_request *request);
void ahci_ata_abort(struct ahci_request *request);
/* An ahci_ended: what the image could not do is aborted. */
void ahci_ata_ended(struct ahci_request *request, int err);
/* Data that comes by PIO, as most of what is no disk's content does. */
void ahci_ata_reply(struct ahci_request *request, const void *data, u32 size);

/* ---- features.c ---- */

void ahci_identify_device(struct ahci_request *request, u32 flags);
void ahci_set_features(struct ahci_request *request, u32 flags);
void ahci_set_multiple(struct ahci_request *request, u32 flags);
void ahci_read_log(struct ahci_request *request, u32 flags);
void ahci_trim(struct ahci_request *request, u32 flags);
void ahci_flush(struct ahci_request *request, u32 flags);
void ahci_succeed(struct ahci_request *request, u32 flags);
void ahci_power_mode(struct ahci_request *request, u32 flags);
void ahci_diagnose(struct ahci_request *request, u32 flags);

/* ---- identify.c ---- */

/* 512 bytes. [ATA8-ACS 7.16 "IDENTIFY DEVICE"] and 7.17 for CD-ROM drives */
void ahci_identify(const struct ahci_port *port, u16 words[256]);

/* ---- atapi.c ---- */

void ahci_packet(struct ahci_request *request, u32 flags);
void ahci_cdrom_reset(struct ahci_port *port);

/* How a command of a packet ends. `limit` is the driver's allocation length. */
void ahci_packet_ok(struct ahci_request *request);
void ahci_packet_reply(struct ahci_request *request, const void *data, u32 size,
		       u32 limit);
void ahci_packet_bad(struct ahci_request *request, u8 key, u8 code,
		     u8 qualifier);
/* ILLEGAL REQUEST: a field of the packet is not as it may be. */
void ahci_packet_bad_field(struct ahci_request *request);

#define SENSE_NOT_READY	 0x02
#define SENSE_MEDIUM	 0x03
#define SENSE_ILLEGAL	 0x05
#define SENSE_ATTENTION	 0x06
#define ASC_NO_MEDIUM	 0x3a
#define ASC_NEW_MEDIUM	 0x28
#define ASC_WAS_RESET	 0x29
#define ASC_BAD_COMMAND	 0x20
#define ASC_BAD_ADDRESS	 0x21
#define ASC_BAD_FIELD	 0x24
#define ASC_SAVING	 0x39
#define ASC_READ	 0x11
#define ASC_INCOMPATIBLE 0x30
#define ASC_LOCKED	 0x53

/* ---- media.c ---- */

/* 2048-byte sectors that can be read now; 0: none. */
u32 ahci_media_sectors(const struct ahci_port *port);
bool ahci_media_is_dvd(const struct ahci_port *port);
void ahci_media_read(struct ahci_request *request);
void ahci_media_seek(struct ahci_request *request);
void ahci_media_capacity(struct ahci_request *request);
void ahci_media_toc(struct ahci_request *request);
void ahci_media_disc_information(struct ahci_request *request);
void ahci_media_dvd_structure(struct ahci_request *request);
void ahci_media_start_stop(struct ahci_request *request);
void ahci_media_prevent(struct ahci_request *request);
void ahci_media_event(struct ahci_request *request);

/* Big-endian, as SCSI has all its numbers. */
static inline u32 get_be32(const u8 *at)
{
	return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static inline u16 get_be16(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static inline void put_be16(u8 *at, u32 value)
{
	at[0] = (u8)(value >> 8);
	at[1] = (u8)value;
}

static inline void put_be32(u8 *at, u32 value)
{
	put_be16(at, value >> 16);
	put_be16(at + 2, value);
}

#endif
