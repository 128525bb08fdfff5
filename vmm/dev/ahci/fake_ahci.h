/* SPDX-License-Identifier: MIT */
/*
 * For tests: the driver's side of the controller, with a disk of 1 MiB at port 0,
 * a CD-ROM of 512 KiB at port 1, an empty drive at port 2 and nothing beyond. It
 * writes command lists into guest memory and registers over the PCI bus.
 */
#ifndef VMM_DEV_AHCI_FAKE_AHCI_H
#define VMM_DEV_AHCI_FAKE_AHCI_H

#include "vmm/dev/ahci/ahci.h"

#define FAKE_AHCI_DISK_BYTES MiB
#define FAKE_AHCI_CD_BYTES   (512 * KiB)
#define FAKE_AHCI_MEM_BYTES  (4 * MiB)
#define FAKE_AHCI_DATA_GPA   ((gpa_t)0x100000) /* the tests' own */
#define FAKE_AHCI_BAR	     0xc0000000u
#define FAKE_AHCI_ENTRY_MAX  32

enum { FAKE_DISK, FAKE_CDROM, FAKE_EMPTY };

/* Offsets of registers, as drivers know them. */
enum {
	HBA_CAP = 0x00,
	HBA_GHC = 0x04,
	HBA_IS = 0x08,
	PX_CLB = 0x00,
	PX_FB = 0x08,
	PX_IS = 0x10,
	PX_IE = 0x14,
	PX_CMD = 0x18,
	PX_TFD = 0x20,
	PX_SIG = 0x24,
	PX_SSTS = 0x28,
	PX_SCTL = 0x2c,
	PX_SERR = 0x30,
	PX_SACT = 0x34,
	PX_CI = 0x38,
};

struct fake_ahci_entry {
	gpa_t gpa;
	u32 size; /* bytes */
};

/* A command of a test. */
struct fake_ahci_command {
	u8 code, feature, feature_high, device;
	u64 lba;
	u16 count;
	const u8 *packet; /* 12 bytes, or NULL */
	struct fake_ahci_entry entry[FAKE_AHCI_ENTRY_MAX];
	u32 entry_count;
};

struct fake_ahci {
	char path[2][64];
	int fd[2]; /* of FAKE_DISK and FAKE_CDROM */
	struct guest_mem mem;
	struct loop *loop;
	struct block *block[2];
	struct pci_bus bus;
	struct pci_dev first; /* function 0 of the slot */
	struct ahci *ahci;
	bool wire;
	u32 msi_count, msi_data;
	u64 msi_gpa;
};

/* Aborts where the host refuses. Ports are started, interrupts enabled. */
void fake_ahci_begin(struct fake_ahci *fake);
/* With another CD-ROM. */
void fake_ahci_begin_sized(struct fake_ahci *fake, u64 cd_bytes);
void fake_ahci_end(struct fake_ahci *fake);

u32 fake_ahci_read(struct fake_ahci *fake, u32 offset);
void fake_ahci_write(struct fake_ahci *fake, u32 offset, u32 value);
u32 fake_ahci_get(struct fake_ahci *fake, u32 port, u32 offset);
void fake_ahci_put(struct fake_ahci *fake, u32 port, u32 offset, u32 value);
/* Lists, FIS reception and commands of a port. */
void fake_ahci_start(struct fake_ahci *fake, u32 port);

/* Where a port's structures are. */
gpa_t fake_ahci_header_gpa(u32 port, u32 slot);
gpa_t fake_ahci_table_gpa(u32 port, u32 slot);
gpa_t fake_ahci_fis_gpa(u32 port);

u8 fake_ahci_byte(struct fake_ahci *fake, gpa_t gpa);
void fake_ahci_put_command(struct fake_ahci *fake, u32 port, u32 slot,
			   const struct fake_ahci_command *command);
void fake_ahci_round(struct fake_ahci *fake);
/* Until none of the slots is in `offset`, PX_CI or PX_SACT, or the port has an
 * error; bounded. False: that took too long. */
bool fake_ahci_wait(struct fake_ahci *fake, u32 port, u32 offset, u32 slots);
/* Both, in slot 0, and PxTFD at the end; UINT32_MAX when it does not end. */
u32 fake_ahci_do(struct fake_ahci *fake, u32 port,
		 const struct fake_ahci_command *command);
/* After an error. */
void fake_ahci_restart(struct fake_ahci *fake, u32 port);

#endif
