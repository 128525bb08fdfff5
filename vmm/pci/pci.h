/* SPDX-License-Identifier: MIT */
/*
 * PCI: functions with their configuration space, and the bus they sit on.
 * [PCI 6 "Configuration Space"], [PCIE 7 "Software Initialization and
 * Configuration"]
 *
 * A function has a struct pci_dev at its head. It sets its identity, BARs and
 * capabilities once, when it is built; from then on this file answers its
 * configuration space. A byte of it holds what the driver writes where `writable`
 * has ones; all else is fixed.
 *
 * BARs move as the guest likes. So the two windows of the bus, ports and
 * memory, are one region each on the machine's buses, and what lies in them is
 * looked up on a bus of its own, under a lock that configuration writes take
 * to write.
 *
 * A BAR may also show memory, which is RAM to the guest (struct pci_ram). Where
 * it is then, the machine is told by set_ram, and takes it there or away while
 * vCPUs run. Where the machine does not take it, the bus answers for it.
 *
 * Locks: pci_bus.lock (readers: accesses to BARs; writer: a configuration write
 * that moves one), then the device's own. Configuration space is guarded by
 * pci_bus.config_lock, the outermost.
 */
#ifndef VMM_PCI_PCI_H
#define VMM_PCI_PCI_H

#include "vmm/bus/bus.h"
#include "vmm/dev/dev.h"

#define PCI_SLOT_COUNT	 32
#define PCI_FUNCTIONS	 8 /* of a slot */
#define PCI_CONFIG_BYTES 256
#define PCI_BAR_COUNT	 7 /* with the expansion ROM's, the last */
#define PCI_BAR_ROM	 6
#define PCI_BAR_REGIONS	 6 /* handlers within one BAR */
#define PCI_INTX_COUNT	 8 /* PIRQA to PIRQH */
#define PCI_MSIX_MAX	 32

/* Offsets in configuration space. [PCI 6.1], [PCI 6.2] */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS_PROG = 0x09,
	PCI_CLASS = 0x0a,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_ROM_BASE = 0x30,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
	PCI_CAPABILITY_FIRST = 0x40,
};

#define PCI_COMMAND_IO	     0x0001
#define PCI_COMMAND_MEMORY   0x0002
#define PCI_COMMAND_MASTER   0x0004
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS_INTX	     0x0008
#define PCI_STATUS_CAP_LIST  0x0010

#define PCI_BAR_IO	 0x1
#define PCI_BAR_64	 0x4
#define PCI_BAR_PREFETCH 0x8
/* The expansion ROM is decoded: bit 0 of its BAR. [PCI 6.2.5.2] */
#define PCI_ROM_ENABLE 0x1

#define PCI_INTEL 0x8086
/* The subsystem by which SeaBIOS and OVMF know a virtual machine's chipset. */
#define PCI_SUBSYSTEM_VENDOR_VIRTUAL 0x1af4
#define PCI_SUBSYSTEM_VIRTUAL	     0x1100

#define PCI_CAP_MSI    0x05
#define PCI_CAP_MSIX   0x11
#define PCI_CAP_VENDOR 0x09

#define PCI_HEADER_MULTIFUNCTION 0x80

struct pci_bus;

/* A BAR's memory. The device fills `host` to `read_only`; the rest is ours. */
struct pci_ram {
	/* Borrowed: pages that stay in place, as many as the BAR has. Guest and
	 * device may both write them at any time. What is in them is saved as
	 * guest RAM is, not with the device. */
	u8 *host;
	u64 size; /* of the BAR: a power of two, a page at least */
	bool read_only;
	u32 number; /* of those of its bus, from 0, in the order of slots' build */
	u64 gpa;    /* where it is guest memory; PCI_RAM_NOWHERE; atomic */
	struct bus_region region; /* answers where it is not */
};

#define PCI_RAM_NOWHERE UINT64_MAX

struct pci_bar {
	u64 size;  /* a power of two; 0: none */
	u32 flags; /* PCI_BAR_* */
	/* Regions with bases from the BAR's start. */
	struct bus_region *region[PCI_BAR_REGIONS]; /* borrowed: the device's */
	u64 offset[PCI_BAR_REGIONS];
	u32 region_count;
	bool mapped;	     /* its regions are on the bus's window */
	struct pci_ram *ram; /* borrowed: the device's; or NULL */
};

/* [PCI 6.8.2 "MSI-X Capability and Table Structure"] */
struct pci_msix_entry {
	u64 address;
	u32 data, control; /* bit 0 of control: masked */
};

/* [PCI 6.8.1 "MSI Capability Structure"]: what its registers say, for one message */
struct pci_msi {
	u8 cap; /* where the capability is; 0: none */
	bool enabled;
	u64 address;
	u32 data;
};

struct pci_msix {
	u32 count; /* 0: none */
	u8 cap;	   /* where the capability is */
	u32 table_bar;
	struct pci_msix_entry entry[PCI_MSIX_MAX];
	u32 pending; /* a bit each */
	struct bus_region table_region, pending_region;
};

struct pci_dev {
	struct dev dev;
	struct pci_bus *bus; /* borrowed: must outlive it */
	u8 slot;	     /* device number on its bus */
	u8 intx_level;
	bool intx_pulls; /* its wire; pci_bus.intx_lock */
	u8 cap_end;	 /* where the next capability may go */
	u8 config[PCI_CONFIG_BYTES];
	u8 writable[PCI_CONFIG_BYTES];
	u8 built[PCI_CONFIG_BYTES]; /* config when it was plugged in */
	struct pci_bar bar[PCI_BAR_COUNT];
	struct pci_msi msi;
	struct pci_msix msix;
	/* A device's own registers in there: called after a write. Or NULL;
	 * config_lock held */
	void (*config_written)(struct pci_dev *pci, u32 offset, u32 size);
	/* Before a read that touches [offset, offset+size). Or NULL. */
	void (*config_reading)(struct pci_dev *pci, u32 offset, u32 size);
};

struct pci_bus {
	struct mutex config_lock;
	struct rwlock lock;
	struct bus memory, ports; /* what BARs have put there */
	struct pci_dev *dev[PCI_SLOT_COUNT * PCI_FUNCTIONS];
	/* The wires; any thread. */
	void (*set_intx)(void *ctx, u32 pirq, bool level);
	void (*send_msi)(void *ctx, u64 address, u32 data);
	/*
	 * `ram` shall be guest memory at `gpa`, or no more (PCI_RAM_NOWHERE). Any
	 * thread, with bus.lock held, and during a configuration write; not with
	 * itself. -errno: it is where it was. Or NULL, as with -errno always.
	 */
	int (*set_ram)(void *ctx, const struct pci_ram *ram, u64 gpa);
	void *ctx;
	u32 ram_count;
	/* How many functions pull each wire down; intx_lock. */
	struct mutex intx_lock;
	u32 intx[PCI_INTX_COUNT];
};

void pci_bus_init(struct pci_bus *bus,
		  void (*set_intx)(void *ctx, u32 pirq, bool level),
		  void (*send_msi)(void *ctx, u64 address, u32 data), void *ctx);
void pci_bus_release(struct pci_bus *bus);

/* ---- building a function; in this order ---- */

struct pci_identity {
	u16 vendor, device, subsystem_vendor, subsystem;
	u8 revision;
	u16 class; /* base class and subclass */
	u8 prog;   /* programming interface */
	bool intx; /* has an interrupt pin */
};

void pci_dev_init(struct pci_dev *pci, const struct dev_class *class,
		  const struct pci_identity *identity);
/* `size`: a power of two; a 64-bit BAR takes the next index, too. */
void pci_add_bar(struct pci_dev *pci, u32 index, u64 size, u32 flags);
/* `region->base` is from the BAR's start; its base is ours from now on. */
void pci_add_bar_region(struct pci_dev *pci, u32 index,
			struct bus_region *region);
/* All of a BAR of its own, or with PCI_BAR_ROM of the expansion ROM's. Such a
 * device calls pci_ram_take_away when it is released. */
void pci_add_ram(struct pci_dev *pci, u32 index, struct pci_ram *ram, u32 flags);
/* `size` bytes with the two of the list's head; returns its offset. */
u8 pci_add_capability(struct pci_dev *pci, u8 id, const void *data, u8 size);
/* One message, at any address of 64 bits. */
void pci_add_msi(struct pci_dev *pci);
/* Table at byte 0 and pending bits at byte 2048 of a BAR of 4096. */
void pci_add_msix(struct pci_dev *pci, u32 bar, u32 count);
void pci_put(struct pci_dev *pci, u32 offset, u32 size, u64 value);
void pci_set_writable(struct pci_dev *pci, u32 offset, u32 size, u64 mask);
/* -EBUSY: the slot is taken. */
must_check int pci_plug(struct pci_bus *bus, struct pci_dev *pci, u8 slot);
/* The same of a function beside function 0, which is there and tells of it. */
must_check int pci_plug_function(struct pci_bus *bus, struct pci_dev *pci,
				 u8 slot, u8 function);

/* ---- from the bus ---- */

/* Bus 0; others have nothing. Size 1, 2 or 4, within an aligned 4 bytes. */
u32 pci_config_read(struct pci_bus *bus, u32 bdf, u32 offset, u32 size);
void pci_config_write(struct pci_bus *bus, u32 bdf, u32 offset, u32 value,
		      u32 size);
/* An access to a window. Size 1 to 8. */
void pci_memory_read(struct pci_bus *bus, u64 address, void *data, u32 size);
void pci_memory_write(struct pci_bus *bus, u64 address, const void *data,
		      u32 size);
void pci_port_read(struct pci_bus *bus, u64 port, void *data, u32 size);
void pci_port_write(struct pci_bus *bus, u64 port, const void *data, u32 size);

/*
 * Gives each BAR an address in [low, high) resp. [ports_low, ports_high), as
 * firmware would, and turns decoding on; for a kernel that is started without
 * one. What does not fit stays off.
 */
void pci_assign(struct pci_bus *bus, u64 low, u64 high, u64 ports_low,
		u64 ports_high);

/* ---- for devices ---- */

/* The pin's level. Any thread, the device's lock held. */
void pci_set_intx(struct pci_dev *pci, bool level);
/* Sends the message, if MSI is enabled. The device's lock held. */
void pci_msi_send(struct pci_dev *pci);
/* For pci.c: its registers have changed. The device's lock held. */
void pci_msi_changed(struct pci_dev *pci);
/* Sends vector `index`, or notes it while masked. The device's lock held. */
void pci_msix_send(struct pci_dev *pci, u32 index);
bool pci_msix_enabled(const struct pci_dev *pci);
/* Which of PIRQA.. the pin of a slot is wired to. */
u32 pci_pirq_of(u32 slot);

u64 pci_get(const struct pci_dev *pci, u32 offset, u32 size);

/* For dev_class, while no vCPU runs: the device's lock, which is held, comes after
 * that of the bus. */
void pci_dev_reset(struct pci_dev *pci);
int pci_dev_restored(struct pci_dev *pci);
/* Its memory is about to go. */
void pci_ram_take_away(struct pci_dev *pci);

#define PCI_FIELDS(type)                                            \
	FIELD(type, pci.config, 1), FIELD(type, pci.intx_level, 1), \
		FIELD(type, pci.msix.entry, 1),                     \
		FIELD(type, pci.msix.pending, 1)

#endif
