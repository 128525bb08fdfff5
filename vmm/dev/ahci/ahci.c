/* SPDX-License-Identifier: MIT */
/* The PCI function, the HBA's own registers, interrupts and life: see ahci.h. */
#include "vmm/dev/ahci/ahci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "vmm/dev/ahci/ahci_internal.h"

/* [AHCI 3.1 "Generic Host Control"] */
enum {
	CAP = 0x00,
	GHC = 0x04,
	IS = 0x08,
	PI = 0x0c,
	VS = 0x10,
};

#define REGISTER_BYTES 4096
#define PORTS_START    0x100
#define PORT_BYTES     0x80

#define GHC_HR 0x00000001u
#define GHC_IE 0x00000002u
#define GHC_AE 0x80000000u

#define CAP_S64A  0x80000000u
#define CAP_SNCQ  0x40000000u
#define CAP_SCLO  0x01000000u
#define CAP_6GBPS 0x00300000u
#define CAP_SAM	  0x00040000u /* AHCI only */
#define CAP_VALUE                                               \
	(CAP_S64A | CAP_SNCQ | CAP_SCLO | CAP_6GBPS | CAP_SAM | \
	 (AHCI_SLOT_COUNT - 1) << 8 | (AHCI_PORT_COUNT - 1))
#define VS_1_3_1 0x00010301

#define BAR 5
/* [ICH9 15.1 "PCI Configuration Registers (SATA-D31:F2)"]: MAP; AHCI mode */
#define MAP	 0x90
#define MAP_AHCI 0x40

static struct ahci *ahci_of_dev(struct dev *dev)
{
	return container_of(dev, struct ahci, pci.dev);
}

/* ---- interrupts ---- */

/*
 * A port's bit stays until the driver clears it, and comes again while the port
 * has a reason. A message is sent for each bit that appears, and once more if the
 * driver leaves some, or turns messages on. [AHCI 10.7.2 "Interrupt Generation"]
 */
void ahci_drive_irq(struct ahci *ahci)
{
	bool messages = ahci->pci.msi.enabled, level;

	for (u32 i = 0; i < AHCI_PORT_COUNT; i++)
		if (ahci_port_status(&ahci->port[i]) & ahci->port[i].ie)
			ahci->is |= (u32)BIT(i);
	level = ahci->is && ahci->ghc & GHC_IE;
	if (!level || !messages) {
		ahci->told = 0;
	} else if (ahci->is & ~ahci->told) {
		ahci->told = ahci->is;
		pci_msi_send(&ahci->pci);
	}
	level &= !messages;
	if (level != ahci->pci.intx_level)
		pci_set_intx(&ahci->pci, level);
}

static void config_written(struct pci_dev *pci, u32 offset, u32 size)
{
	struct ahci *ahci = container_of(pci, struct ahci, pci);

	(void)offset;
	(void)size;
	mutex_lock(&pci->dev.lock);
	ahci_drive_irq(ahci);
	mutex_unlock(&pci->dev.lock);
}

/* ---- commands ---- */

void ahci_notify(struct ahci *ahci)
{
	loop_post(ahci->loop, &ahci->work);
}

static void work_due(struct loop_work *work)
{
	struct ahci *ahci = work->ctx;

	mutex_lock(&ahci->pci.dev.lock);
	for (u32 i = 0; i < AHCI_PORT_COUNT; i++) {
		struct ahci_port *port = &ahci->port[i];

		if (port->block)
			block_plug(port->block);
		ahci_port_serve(port);
		if (port->block)
			block_unplug(port->block);
	}
	ahci_drive_irq(ahci);
	mutex_unlock(&ahci->pci.dev.lock);
}

/* ---- registers ---- */

/* A reset ends when no image is at work in guest memory any more. */
static bool is_resetting(struct ahci *ahci)
{
	bool orphans = false;

	for (u32 i = 0; i < AHCI_PORT_COUNT; i++)
		orphans |= ahci->port[i].orphan_count > 0;
	ahci->resetting &= orphans;
	return ahci->resetting;
}

static u32 read_register(struct ahci *ahci, u32 offset)
{
	switch (offset) {
	case CAP:
		return CAP_VALUE;
	case GHC:
		return ahci->ghc | GHC_AE | (is_resetting(ahci) ? GHC_HR : 0);
	case IS:
		return ahci->is;
	case PI:
		return (u32)(BIT(AHCI_PORT_COUNT) - 1);
	case VS:
		return VS_1_3_1;
	}
	return 0;
}

/* [AHCI 10.4.3 "HBA Reset"] */
static void reset_hba(struct ahci *ahci)
{
	ahci->ghc = ahci->is = 0;
	for (u32 i = 0; i < AHCI_PORT_COUNT; i++)
		ahci_port_reset(&ahci->port[i]);
	ahci->resetting = true;
}

static void write_register(struct ahci *ahci, u32 offset, u32 value)
{
	if (offset == GHC && value & GHC_HR) {
		reset_hba(ahci);
	} else if (offset == GHC) {
		ahci->ghc = value & GHC_IE;
	} else if (offset == IS) {
		ahci->is &= ~value;
		ahci->told = 0;
	}
}

static struct ahci_port *port_at(struct ahci *ahci, u64 offset)
{
	u64 index = (offset - PORTS_START) / PORT_BYTES;

	return offset >= PORTS_START && index < AHCI_PORT_COUNT
		       ? &ahci->port[index]
		       : NULL;
}

static u64 region_read(void *ctx, u64 offset, u32 width)
{
	struct ahci *ahci = ctx;
	struct ahci_port *port = port_at(ahci, offset);

	(void)width;
	if (port)
		return ahci_port_read(port, offset % PORT_BYTES);
	return read_register(ahci, (u32)offset);
}

static void region_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct ahci *ahci = ctx;
	struct ahci_port *port = port_at(ahci, offset);

	(void)width;
	if (port)
		ahci_port_write(port, offset % PORT_BYTES, (u32)value);
	else
		write_register(ahci, (u32)offset, (u32)value);
	ahci_drive_irq(ahci);
}

/* ---- life ---- */

static void reset(struct dev *dev)
{
	struct ahci *ahci = ahci_of_dev(dev);

	for (u32 i = 0; i < AHCI_PORT_COUNT; i++) {
		struct ahci_port *port = &ahci->port[i];

		assert(!port->in_flight_count);
		port->list_gpa = port->fis_gpa = 0;
		port->disk.cache_off = false;
		port->cdrom.tray_open = port->cdrom.locked = false;
		port->saved_kind = (u8)port->kind;
	}
	reset_hba(ahci);
	ahci->resetting = false;
	ahci->told = 0;
	pci_dev_reset(&ahci->pci);
}

/* Commands that have not begun stay in the lists: for after it, or in the state. */
static void quiesce(struct dev *dev)
{
	struct ahci *ahci = ahci_of_dev(dev);

	ahci->quiescing = true;
	for (u32 i = 0; i < AHCI_PORT_COUNT; i++)
		if (ahci->port[i].block)
			block_drain(ahci->port[i].block);
	ahci->quiescing = false;
	ahci_notify(ahci);
}

/* What is at the ports is the same; commands may wait in the lists. */
static int restored(struct dev *dev)
{
	struct ahci *ahci = ahci_of_dev(dev);
	int err = pci_dev_restored(&ahci->pci);

	for (u32 i = 0; !err && i < AHCI_PORT_COUNT; i++)
		if (ahci->port[i].saved_kind != ahci->port[i].kind)
			err = trace_err(-EINVAL);
	if (err)
		return err;
	ahci_drive_irq(ahci);
	ahci_notify(ahci);
	return 0;
}

static void release(struct dev *dev)
{
	struct ahci *ahci = ahci_of_dev(dev);

	loop_work_cancel(ahci->loop, &ahci->work);
}

#define PORT_FIELD(n, member) FIELD(struct ahci, port[n].member, 1)
#define PORT_FIELDS(n)                                                          \
	PORT_FIELD(n, list_gpa), PORT_FIELD(n, fis_gpa), PORT_FIELD(n, is),     \
		PORT_FIELD(n, ie), PORT_FIELD(n, cmd), PORT_FIELD(n, tfd),      \
		PORT_FIELD(n, sig), PORT_FIELD(n, sctl), PORT_FIELD(n, serr),   \
		PORT_FIELD(n, sact), PORT_FIELD(n, ci),                         \
		PORT_FIELD(n, saved_kind), PORT_FIELD(n, halted),               \
		PORT_FIELD(n, signature_due), PORT_FIELD(n, soft_reset),        \
		PORT_FIELD(n, disk.multiple_sectors),                           \
		PORT_FIELD(n, disk.transfer_mode),                              \
		PORT_FIELD(n, disk.cache_off), PORT_FIELD(n, disk.failed_tag),  \
		PORT_FIELD(n, disk.failed_status),                              \
		PORT_FIELD(n, disk.failed_error),                               \
		PORT_FIELD(n, disk.failed_lba),                                 \
		PORT_FIELD(n, disk.failed_count), PORT_FIELD(n, cdrom.key),     \
		PORT_FIELD(n, cdrom.code), PORT_FIELD(n, cdrom.qualifier),      \
		PORT_FIELD(n, cdrom.attention), PORT_FIELD(n, cdrom.tray_open), \
		PORT_FIELD(n, cdrom.locked), PORT_FIELD(n, cdrom.event)

static const struct field fields[] = {
	PCI_FIELDS(struct ahci),
	FIELD(struct ahci, ghc, 1),
	FIELD(struct ahci, is, 1),
	PORT_FIELDS(0),
	PORT_FIELDS(1),
	PORT_FIELDS(2),
	PORT_FIELDS(3),
	PORT_FIELDS(4),
	PORT_FIELDS(5),
};

static const struct dev_class ahci_class = {
	.name = "ahci",
	.spec = "AHCI",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = reset,
	.quiesce = quiesce,
	.restored = restored,
	.release = release,
};

/* A drive must have a serial number, and no two the same. */
static void init_serial(struct ahci_port *port, const char *serial)
{
	char own[] = "KEEL-SATA-0";

	own[sizeof(own) - 2] = (char)('1' + port->index);
	if (!serial || !*serial)
		serial = own;
	memset(port->serial, ' ', sizeof(port->serial));
	memcpy(port->serial, serial, strnlen(serial, sizeof(port->serial)));
}

static void init_port(struct ahci *ahci, u32 index,
		      const struct ahci_attached *attached)
{
	struct ahci_port *port = &ahci->port[index];

	assert(attached->block || attached->kind != AHCI_DISK);
	port->ahci = ahci;
	port->index = index;
	port->kind = attached->kind;
	port->block = attached->block;
	init_serial(port, attached->serial);
	/* Those of a port without a drive are never touched: it costs no memory. */
	for (u32 i = 0; port->kind != AHCI_NOTHING && i < AHCI_SLOT_COUNT; i++) {
		port->request[i].port = port;
		port->request[i].slot = (u8)i;
	}
}

static void init_function(struct ahci *ahci)
{
	struct pci_dev *pci = &ahci->pci;

	pci->config_written = config_written;
	pci_dev_init(pci, &ahci_class,
		     &(struct pci_identity){
			     .vendor = PCI_INTEL,
			     .device = AHCI_DEVICE,
			     .subsystem_vendor = PCI_SUBSYSTEM_VENDOR_VIRTUAL,
			     .subsystem = PCI_SUBSYSTEM_VIRTUAL,
			     .revision = 2,
			     .class = 0x0106, /* SATA controller */
			     .prog = 1,	      /* AHCI */
			     .intx = true,
		     });
	pci_put(pci, MAP, 1, MAP_AHCI);
	pci_add_bar(pci, BAR, REGISTER_BYTES, 0);
	ahci->region = (struct bus_region){
		.name = "ahci",
		.size = REGISTER_BYTES,
		.widths = BUS_4,
		.lock = &pci->dev.lock,
		.read = region_read,
		.write = region_write,
		.ctx = ahci,
	};
	pci_add_bar_region(pci, BAR, &ahci->region);
	pci_add_msi(pci);
}

void ahci_init(struct ahci *ahci, const struct ahci_setup *setup)
{
	ahci->mem = setup->mem;
	ahci->loop = setup->loop;
	loop_work_init(&ahci->work, work_due, ahci);
	for (u32 i = 0; i < AHCI_PORT_COUNT; i++)
		init_port(ahci, i, &setup->port[i]);
	init_function(ahci);
	dev_reset(&ahci->pci.dev);
}
