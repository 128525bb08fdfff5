/* SPDX-License-Identifier: MIT */
/*
 * A port: its registers, the way of its commands, and its resets. [AHCI 3.3
 * "Port Registers (one set per port)"], [AHCI 5.3 "HBA Port State Machine"],
 * [AHCI 10.4 "Reset"]
 */
#include "vmm/dev/ahci/ahci_internal.h"

#include <assert.h>

enum {
	PXCLB = 0x00,
	PXCLBU = 0x04,
	PXFB = 0x08,
	PXFBU = 0x0c,
	PXIS = 0x10,
	PXIE = 0x14,
	PXCMD = 0x18,
	PXTFD = 0x20,
	PXSIG = 0x24,
	PXSSTS = 0x28,
	PXSCTL = 0x2c,
	PXSERR = 0x30,
	PXSACT = 0x34,
	PXCI = 0x38,
};

#define LIST_ALIGN 1024
#define FIS_ALIGN  256
#define LOW	   ((u64)UINT32_MAX)

#define PXIE_WRITABLE	0x7dc000ffu
#define PXCMD_KEPT	(PXCMD_ST | PXCMD_FRE | PXCMD_ATAPI | PXCMD_DLAE)
#define PXCMD_ALWAYS	(PXCMD_SUD | PXCMD_POD)
#define PXSCTL_WRITABLE 0xfffu
#define SCTL_DET	0xf
#define SSTS_UP		0x103 /* active; communication is established */
#define SSTS_OFFLINE	0x004
#define SPEED_SHIFT	4
#define SPEED_MAX	3u /* 6 Gbit/s */
#define SERR_N		0x00010000u
#define SERR_X		0x04000000u

#define UDMA_6 0x46 /* as SET FEATURES has it */

#define TFD_NOBODY 0x7f
#define SIG_NOBODY 0xffffffffu
#define SIG_DISK   0x00000101u
#define SIG_CDROM  0xeb140101u

static bool link_is_up(const struct ahci_port *port)
{
	return port->kind != AHCI_NOTHING && !(port->sctl & SCTL_DET);
}

u32 ahci_port_status(const struct ahci_port *port)
{
	return port->is | (port->serr & SERR_X ? PXIS_PCS : 0) |
	       (port->serr & SERR_N ? PXIS_PRCS : 0);
}

/* ---- what is given up ---- */

/* The image goes on with what it has, and nobody hears of it. */
static void orphan_all(struct ahci_port *port)
{
	for (u32 i = 0; port->in_flight_count && i < AHCI_SLOT_COUNT; i++) {
		struct ahci_request *request = &port->request[i];

		if (!request->in_flight || request->orphan)
			continue;
		request->orphan = true;
		port->orphan_count++;
	}
}

/* [AHCI 6.1 "Error Types"] */
void ahci_port_fault(struct ahci_port *port, u32 bits)
{
	port->is |= bits;
	port->halted = true;
	orphan_all(port);
}

/* ---- the end of a command ---- */

static void end_queued(struct ahci_request *request, u8 status, u8 error)
{
	struct ahci_port *port = request->port;

	if (status & ATA_ERR) {
		port->disk.failed_lba = request->lba;
		port->disk.failed_count = request->count;
		ahci_end_queue(port, request->slot, error);
		return;
	}
	port->sact &= (u32)~BIT(request->slot);
	port->tfd = status;
	ahci_post_device_bits(port, (u32)BIT(request->slot));
	port->is |= PXIS_SDBS;
}

/* [SATA 13.6 "Native Command Queuing"]: the device forgets all of it, and tells
 * in the log whose fault it was. */
void ahci_end_queue(struct ahci_port *port, u8 tag, u8 error)
{
	port->disk.failed_tag = tag;
	port->disk.failed_status = ATA_BAD;
	port->disk.failed_error = error;
	port->tfd = (u32)error << 8 | ATA_BAD;
	ahci_post_device_bits(port, 0);
	ahci_port_fault(port, PXIS_SDBS | PXIS_TFES);
}

void ahci_end(struct ahci_request *request, u8 status, u8 error)
{
	struct ahci_port *port = request->port;

	if (request->descriptor_interrupt)
		port->is |= PXIS_DPS;
	if (request->queued) {
		end_queued(request, status, error);
		return;
	}
	port->tfd = (u32)error << 8 | status;
	ahci_post_result(request);
	port->is |= request->pio_in ? PXIS_PSS : PXIS_DHRS;
	if (status & ATA_ERR)
		ahci_port_fault(port, PXIS_TFES);
	else
		port->ci &= (u32)~BIT(request->slot);
}

/* ---- resets ---- */

/* A cache that was turned off stays off until power-on: a driver that does not
 * flush for that reason need not hear of a reset. */
void ahci_device_reset(struct ahci_port *port)
{
	port->disk = (struct ahci_disk){
		.multiple_sectors = 16,
		.transfer_mode = UDMA_6,
		.cache_off = port->disk.cache_off,
	};
	if (port->kind == AHCI_CDROM)
		ahci_cdrom_reset(port);
}

/* [SATA 11.2 "Power-on and COMRESET protocol"]: a device's first FIS, when it is
 * ready */
void ahci_port_settle(struct ahci_port *port)
{
	bool disk = port->kind == AHCI_DISK;

	if (port->orphan_count || !port->signature_due || !link_is_up(port) ||
	    !(port->cmd & PXCMD_FRE))
		return;
	port->signature_due = false;
	port->sig = disk ? SIG_DISK : SIG_CDROM;
	port->tfd = 0x100 | (disk ? ATA_OK : 0); /* its self-test passed */
	ahci_post_registers(port, 0, port->sig >> 8, 1);
}

static void device_begins(struct ahci_port *port)
{
	ahci_device_reset(port);
	port->soft_reset = false;
	port->signature_due = true;
	port->tfd = ATA_BSY;
	ahci_port_settle(port);
}

/* [AHCI 10.4.2 "Port Reset"]: from PxSCTL.DET on. */
static void link_changes(struct ahci_port *port)
{
	orphan_all(port);
	port->ci = port->sact = 0;
	port->signature_due = false;
	port->sig = SIG_NOBODY;
	port->tfd = TFD_NOBODY;
	if (!link_is_up(port))
		return;
	port->serr |= SERR_X;
	device_begins(port);
}

void ahci_port_reset(struct ahci_port *port)
{
	port->is = port->ie = port->serr = port->sctl = 0;
	port->cmd = PXCMD_ALWAYS;
	port->halted = false;
	link_changes(port);
}

/* [AHCI 10.4.1 "Software Reset"]: a FIS sets SRST, the next one clears it. */
static void take_control(struct ahci_request *request)
{
	struct ahci_port *port = request->port;
	bool set = request->fis[FIS_CONTROL] & FIS_CONTROL_SRST;

	port->ci &= (u32)~BIT(request->slot);
	if (set)
		orphan_all(port);
	else if (port->soft_reset)
		device_begins(port);
	port->soft_reset = set;
}

/* ---- the beginning of a command ---- */

static bool may_begin(const struct ahci_port *port)
{
	return port->cmd & PXCMD_ST && !port->halted && link_is_up(port) &&
	       !(port->tfd & (ATA_BSY | ATA_DRQ)) && !port->orphan_count &&
	       !port->ahci->quiescing;
}

static void set_current(struct ahci_port *port, u32 slot)
{
	port->cmd = (port->cmd & ~PXCMD_CCS) | slot << PXCMD_CCS_SHIFT;
}

/* In turn, from the last one on. */
static u32 next_slot(const struct ahci_port *port)
{
	u32 current = (port->cmd & PXCMD_CCS) >> PXCMD_CCS_SHIFT;

	for (u32 i = 1; i < AHCI_SLOT_COUNT; i++) {
		u32 slot = (current + i) % AHCI_SLOT_COUNT;

		if (port->ci & BIT(slot))
			return slot;
	}
	return current;
}

static void forget(struct ahci_request *request)
{
	request->queued = request->descriptor_interrupt = false;
	request->pio_in = false;
	request->place = (struct ahci_place){};
	request->lba = request->done_bytes = request->count = 0;
}

/* The device takes it into its queue. */
static void accept(struct ahci_request *request)
{
	struct ahci_port *port = request->port;

	request->queued = true;
	port->ci &= (u32)~BIT(request->slot);
	port->tfd = ATA_OK;
	ahci_post_registers(port, 0, 0, 0);
}

#define TAG_NOT_QUEUED 0x80 /* in the log: it was no queued command */

static void begin(struct ahci_port *port, u32 slot)
{
	struct ahci_request *request = &port->request[slot];

	set_current(port, slot);
	if (request->in_flight) { /* its tag is not free yet */
		ahci_end_queue(port, (u8)slot, ATA_ABRT);
		return;
	}
	forget(request);
	if (!ahci_fetch(request))
		return;
	if (!(request->fis[FIS_FLAGS] & FIS_IS_COMMAND)) {
		take_control(request);
		return;
	}
	if (ahci_ata_is_queued(request)) {
		accept(request);
	} else if (port->in_flight_count) {
		ahci_end_queue(port, TAG_NOT_QUEUED, ATA_ABRT);
		return;
	} else {
		port->tfd = ATA_BSY;
	}
	/* What it was begun with may have stopped the port. */
	if (!port->halted)
		ahci_ata_start(request);
}

void ahci_port_serve(struct ahci_port *port)
{
	while (port->ci && may_begin(port))
		begin(port, next_slot(port));
}

/* ---- registers ---- */

static u32 read_ssts(const struct ahci_port *port)
{
	u32 limit = port->sctl >> SPEED_SHIFT & 0xf;

	if ((port->sctl & SCTL_DET) == SSTS_OFFLINE)
		return SSTS_OFFLINE;
	if (!link_is_up(port))
		return 0;
	return SSTS_UP | (limit ? MIN(limit, SPEED_MAX) : SPEED_MAX)
				 << SPEED_SHIFT;
}

static u32 read_cmd(const struct ahci_port *port)
{
	u32 value = port->cmd;

	if (value & PXCMD_ST || port->orphan_count)
		value |= PXCMD_CR;
	if (value & PXCMD_FRE)
		value |= PXCMD_FR;
	return value;
}

u32 ahci_port_read(struct ahci_port *port, u32 offset)
{
	switch (offset) {
	case PXCLB:
		return (u32)port->list_gpa;
	case PXCLBU:
		return (u32)(port->list_gpa >> 32);
	case PXFB:
		return (u32)port->fis_gpa;
	case PXFBU:
		return (u32)(port->fis_gpa >> 32);
	case PXIS:
		return ahci_port_status(port);
	case PXIE:
		return port->ie;
	case PXCMD:
		return read_cmd(port);
	case PXTFD:
		return port->tfd;
	case PXSIG:
		return port->sig;
	case PXSSTS:
		return read_ssts(port);
	case PXSCTL:
		return port->sctl;
	case PXSERR:
		return port->serr;
	case PXSACT:
		return port->sact;
	case PXCI:
		return port->ci;
	}
	return 0;
}

/* [AHCI 10.3.2 "Processing Commands"]: ST cleared, both lists are empty. */
static void stop(struct ahci_port *port)
{
	orphan_all(port);
	port->ci = port->sact = 0;
	port->halted = false;
	port->cmd &= ~PXCMD_CCS;
}

static void write_cmd(struct ahci_port *port, u32 value)
{
	u32 before = port->cmd;

	port->cmd = (value & PXCMD_KEPT) | (before & PXCMD_CCS) | PXCMD_ALWAYS;
	if (before & ~port->cmd & PXCMD_ST)
		stop(port);
	if (value & PXCMD_CLO && !(before & PXCMD_ST))
		port->tfd &= ~(u32)(ATA_BSY | ATA_DRQ);
	ahci_port_settle(port);
}

static void write_sctl(struct ahci_port *port, u32 value)
{
	u32 before = port->sctl;

	port->sctl = value & PXSCTL_WRITABLE;
	if ((before ^ port->sctl) & SCTL_DET)
		link_changes(port);
}

static u64 with_low(u64 address, u32 value, u32 align)
{
	return (address & ~LOW) | align_down(value, align);
}

static u64 with_high(u64 address, u32 value)
{
	return (address & LOW) | (u64)value << 32;
}

void ahci_port_write(struct ahci_port *port, u32 offset, u32 value)
{
	switch (offset) {
	case PXCLB:
		port->list_gpa = with_low(port->list_gpa, value, LIST_ALIGN);
		break;
	case PXCLBU:
		port->list_gpa = with_high(port->list_gpa, value);
		break;
	case PXFB:
		port->fis_gpa = with_low(port->fis_gpa, value, FIS_ALIGN);
		break;
	case PXFBU:
		port->fis_gpa = with_high(port->fis_gpa, value);
		break;
	case PXIS:
		port->is &= ~value;
		break;
	case PXIE:
		port->ie = value & PXIE_WRITABLE;
		break;
	case PXCMD:
		write_cmd(port, value);
		break;
	case PXSCTL:
		write_sctl(port, value);
		break;
	case PXSERR:
		port->serr &= ~value;
		break;
	case PXSACT:
		if (port->cmd & PXCMD_ST)
			port->sact |= value;
		break;
	case PXCI:
		if (port->cmd & PXCMD_ST)
			port->ci |= value;
		ahci_notify(port->ahci);
		break;
	}
}
