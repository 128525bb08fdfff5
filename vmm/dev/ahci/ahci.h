/* SPDX-License-Identifier: MIT */
/*
 * The SATA controller of the ICH9 in AHCI mode, with disks and CD-ROM drives at
 * its six ports. [ICH9 15 "SATA Controller Registers (D31:F2)"], [AHCI 3 "HBA
 * Memory Registers"]
 *
 *	ahci.c		the function, the HBA's registers, interrupts, life
 *	port.c		a port's registers, its commands' begin and end, resets
 *	command.c	what lies in guest memory: command list, FISes, PRDTs
 *	transfer.c	between a PRDT and a disk image, piece by piece
 *	ata.c		commands of ATA, and which there are at all
 *	features.c	those of them that are about the drive itself
 *	identify.c	what a drive tells about itself
 *	atapi.c		packets: what a CD-ROM drive answers about itself
 *	media.c		... and about what lies in it
 *
 * A driver writes a command's slot into PxCI; that posts work to the event loop,
 * where commands are read, checked and begun. Data moves between the guest's own
 * memory and the image. Queued commands (NCQ) are in flight together, of others
 * the port does one at a time.
 *
 * What cannot be taken back is waited for: while an image still reads or writes
 * guest memory, a port that was stopped says so in PxCMD.CR, a device that was
 * reset in PxTFD.STS.BSY, an HBA that was reset in GHC.HR. Of such a command
 * nothing else reaches the guest.
 *
 * Left out: port multipliers, power management of the link, staggered spin-up,
 * hot plugging, command completion coalescing, the DMA Setup FISes of NCQ (no
 * driver reads them), SMART, host protected areas and security.
 *
 * Threads: registers are written by vCPU threads under dev.lock. Commands and
 * their completions belong to the loop's thread, which takes dev.lock.
 */
#ifndef VMM_DEV_AHCI_AHCI_H
#define VMM_DEV_AHCI_AHCI_H

#include "base/loop.h"
#include "vmm/block/block.h"
#include "vmm/memory/guest_mem.h"
#include "vmm/pci/pci.h"

#define AHCI_DEVICE   0x2922
#define AHCI_SLOT     31
#define AHCI_FUNCTION 2

#define AHCI_PORT_COUNT	  6
#define AHCI_SLOT_COUNT	  32
#define AHCI_SERIAL_BYTES 20

/*
 * Segments of guest memory in one request to the image. Entries of a PRDT have
 * two bytes or more, so that as many always make a sector.
 */
#define AHCI_IOV_MAX 256
/* Ranges of one TRIM: a block of the command's. */
#define AHCI_TRIM_MAX 64

enum ahci_kind {
	AHCI_NOTHING,
	AHCI_DISK,
	AHCI_CDROM,
};

struct ahci_port;
struct ahci_request;

/* Where in a PRDT a command is: an entry, and the bytes of it that are used. */
struct ahci_place {
	u32 entry, used;
};

typedef void (*ahci_ended)(struct ahci_request *request, int err);

/* A command that was read from a slot of the list. The loop's thread. */
struct ahci_request {
	struct ahci_port *port;
	u8 slot;
	bool in_flight; /* the image has a part of it */
	bool orphan;	/* ... and nobody asks for it any more */
	bool queued;	/* NCQ: accepted */
	bool descriptor_interrupt;
	/* Copies of what the guest has, and where: */
	gpa_t header_gpa, table_gpa;
	u16 flags, entry_count; /* of the header */
	u8 fis[20], packet[16];
	struct ahci_place place;

	/* What the result's FIS has besides status and error */
	u64 lba;
	u16 count;
	bool pio_in; /* data came by PIO: no FIS but its setup ends it */
	u32 done_bytes;

	/* transfer.c's */
	enum block_op op;
	u64 offset_bytes, left_bytes;
	ahci_ended ended;
	struct block_request block;
	u32 iov_count;
	struct iovec iov[AHCI_IOV_MAX];
	u32 trim_next;
	u64 trim[AHCI_TRIM_MAX];
};

/* A disk's settings, and what the log tells of the last failed NCQ command.
 * [ATA8-ACS 7 "READ LOG EXT"] */
struct ahci_disk {
	u8 multiple_sectors;
	u8 transfer_mode; /* as SET FEATURES has it */
	u8 cache_off;
	u8 failed_tag, failed_status, failed_error;
	u64 failed_lba;
	u16 failed_count;
};

/* [SPC 4.5 "Sense data"]; the attention waits for the next command. */
struct ahci_cdrom {
	u8 key, code, qualifier;
	u8 attention; /* additional sense code; 0: none */
	u8 tray_open, locked;
	u8 event; /* of the media class; 0: none */
};

struct ahci_port {
	struct ahci *ahci;
	u32 index;
	enum ahci_kind kind;
	struct block *block; /* borrowed; NULL: nothing, or an empty drive */
	char serial[AHCI_SERIAL_BYTES];

	/* Saved: [AHCI 3.3 "Port Registers (one set per port)"] */
	u64 list_gpa, fis_gpa;
	u32 is, ie, cmd, tfd, sig, sctl, serr, sact, ci;
	u8 saved_kind;
	u8 halted;	  /* an error: no command until ST is cleared */
	u8 signature_due; /* the device has yet to tell that it is ready */
	u8 soft_reset;	  /* SRST is set */
	struct ahci_disk disk;
	struct ahci_cdrom cdrom;

	/* Not saved: */
	u32 in_flight_count, orphan_count;
	struct ahci_request request[AHCI_SLOT_COUNT];
};

struct ahci {
	struct pci_dev pci;
	struct bus_region region;
	struct guest_mem *mem; /* borrowed, as the loop */
	struct loop *loop;
	struct loop_work work;
	u32 ghc, is;
	u32 told;	/* bits of `is` that a message was sent for */
	bool resetting; /* GHC.HR: until nothing is in flight */
	bool quiescing; /* no command begins; the loop's thread */
	struct ahci_port port[AHCI_PORT_COUNT];
};

/* What is at a port. `block` is NULL for an empty drive only. */
struct ahci_attached {
	enum ahci_kind kind;
	struct block *block; /* borrowed: must outlive the device */
	const char *serial;  /* its first 20 bytes; "": one of our making */
};

struct ahci_setup {
	struct ahci_attached port[AHCI_PORT_COUNT];
	struct guest_mem *mem;
	struct loop *loop; /* the blocks' */
};

/* `ahci` is zeroed: most of it is never touched. */
void ahci_init(struct ahci *ahci, const struct ahci_setup *setup);

#endif
