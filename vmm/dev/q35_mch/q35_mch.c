/* SPDX-License-Identifier: MIT */
/* Configuration space by ports and by memory, and the windows: see q35_mch.h. */
#include "vmm/dev/q35_mch/q35_mch.h"

#include "vmm/firmware/acpi/aml.h"

/* [Q35 5.1.13 "PCIEXBAR - PCI Express Register Range Base Address"] */
#define PCIEXBAR	0x60
#define PCIEXBAR_ENABLE 0x1
#define PCIEXBAR_LENGTH 0x6 /* 0: 256 MiB, 2: 128, 4: 64 */
#define PCIEXBAR_BASE	((u64)0xff0000000)
/* [Q35 5.1.20 "PAM0"] and what follows, to SMRAM's at 0x9d and 0x9e */
#define PAM0	  0x90
#define PAM_BYTES 7
#define SMRAM	  0x9d

#define CONFIG_ENABLE 0x80000000u

static struct q35_mch *mch_of(struct pci_dev *pci)
{
	return container_of(pci, struct q35_mch, pci);
}

/* ---- ports ---- */

/* The address register answers whole; in its bytes others live. */
static u64 address_read(void *ctx, u64 offset, u32 width)
{
	struct q35_mch *mch = ctx;
	struct bus_region *reset = mch->reset_region;
	u64 value;

	if (width == 4)
		return __atomic_load_n(&mch->address, __ATOMIC_RELAXED);
	mutex_lock(reset->lock);
	value = reset->read(reset->ctx, offset, width);
	mutex_unlock(reset->lock);
	return value;
}

static void address_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct q35_mch *mch = ctx;
	struct bus_region *reset = mch->reset_region;

	if (width == 4) {
		__atomic_store_n(&mch->address, (u32)value, __ATOMIC_RELAXED);
		return;
	}
	mutex_lock(reset->lock);
	reset->write(reset->ctx, offset, value, width);
	mutex_unlock(reset->lock);
}

/* [PCI 3.2.2.3.2 "Software Generation of Configuration Transactions"] */
static u64 data_read(void *ctx, u64 offset, u32 width)
{
	struct q35_mch *mch = ctx;
	u32 address = __atomic_load_n(&mch->address, __ATOMIC_RELAXED);

	if (!(address & CONFIG_ENABLE))
		return UINT64_MAX;
	return pci_config_read(mch->children, address >> 8 & 0xffff,
			       (address & 0xfc) + (u32)offset, width);
}

static void data_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct q35_mch *mch = ctx;
	u32 address = __atomic_load_n(&mch->address, __ATOMIC_RELAXED);

	if (address & CONFIG_ENABLE)
		pci_config_write(mch->children, address >> 8 & 0xffff,
				 (address & 0xfc) + (u32)offset, (u32)value,
				 width);
}

static u64 ports_read(void *ctx, u64 offset, u32 width)
{
	struct q35_mch *mch = ctx;
	u64 value = 0;

	pci_port_read(mch->children, Q35_PORTS_START + offset, &value, width);
	return value;
}

static void ports_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct q35_mch *mch = ctx;

	pci_port_write(mch->children, Q35_PORTS_START + offset, &value, width);
}

/* ---- memory ---- */

/* Where in the ECAM an address is. */
static bool ecam_offset(struct q35_mch *mch, u64 gpa, u64 *ret)
{
	u64 ecam = __atomic_load_n(&mch->ecam, __ATOMIC_RELAXED);
	u64 size = Q35_ECAM_BYTES >> ((ecam & PCIEXBAR_LENGTH) >> 1);
	u64 base = ecam & PCIEXBAR_BASE;

	if (!(ecam & PCIEXBAR_ENABLE) || gpa < base || gpa - base >= size)
		return false;
	*ret = gpa - base;
	return true;
}

/* Bus, device and function from bit 12 on; 4 KiB for each. */
static u64 ecam_read(struct q35_mch *mch, u64 offset, u32 width)
{
	u32 bdf = (u32)(offset >> 12), at = (u32)(offset & 0xfff);
	u64 value = pci_config_read(mch->children, bdf, at, MIN(width, 4u));

	if (width == 8)
		value |= (u64)pci_config_read(mch->children, bdf, at + 4, 4)
			 << 32;
	return value;
}

static void ecam_write(struct q35_mch *mch, u64 offset, u64 value, u32 width)
{
	u32 bdf = (u32)(offset >> 12), at = (u32)(offset & 0xfff);

	pci_config_write(mch->children, bdf, at, (u32)value, MIN(width, 4u));
	if (width == 8)
		pci_config_write(mch->children, bdf, at + 4, (u32)(value >> 32),
				 4);
}

static u64 window_read(void *ctx, u64 offset, u32 width)
{
	struct q35_mch *mch = ctx;
	u64 gpa = Q35_WINDOW_START + offset, value = 0, at;

	if (ecam_offset(mch, gpa, &at))
		return ecam_read(mch, at, width);
	pci_memory_read(mch->children, gpa, &value, width);
	return value;
}

static void window_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct q35_mch *mch = ctx;
	u64 gpa = Q35_WINDOW_START + offset, at;

	if (ecam_offset(mch, gpa, &at))
		ecam_write(mch, at, value, width);
	else
		pci_memory_write(mch->children, gpa, &value, width);
}

/* ---- life ---- */

static void take_ecam(struct q35_mch *mch)
{
	__atomic_store_n(&mch->ecam, pci_get(&mch->pci, PCIEXBAR, 8),
			 __ATOMIC_RELAXED);
}

static void config_written(struct pci_dev *pci, u32 offset, u32 size)
{
	if (offset < PCIEXBAR + 8 && offset + size > PCIEXBAR)
		take_ecam(mch_of(pci));
}

void q35_mch_enable_ecam(struct q35_mch *mch)
{
	pci_put(&mch->pci, PCIEXBAR, 8, Q35_ECAM_GPA | PCIEXBAR_ENABLE);
	take_ecam(mch);
}

static struct q35_mch *mch_of_dev(const struct dev *dev)
{
	return container_of(dev, struct q35_mch, pci.dev);
}

static void mch_reset(struct dev *dev)
{
	struct q35_mch *mch = mch_of_dev(dev);

	pci_dev_reset(&mch->pci);
	mch->address = 0;
	take_ecam(mch);
}

static int mch_restored(struct dev *dev)
{
	struct q35_mch *mch = mch_of_dev(dev);

	take_ecam(mch);
	return pci_dev_restored(&mch->pci);
}

static u32 gsi_of_slot(u32 slot)
{
	return 16 + pci_pirq_of(slot);
}

/* The root bus, with what it passes on and how its pins are wired. */
static void mch_acpi(const struct dev *dev, struct aml *aml)
{
	(void)dev;
	aml_device_begin(aml, "PCI0");
	aml_name_eisaid(aml, "_HID", "PNP0A08");
	aml_name_eisaid(aml, "_CID", "PNP0A03");
	aml_name_integer(aml, "_UID", 0);
	aml_name_integer(aml, "_BBN", 0);
	aml_crs_begin(aml);
	aml_crs_bus_range(aml, 0, 0xff);
	aml_crs_io(aml, Q35_CONFIG_ADDRESS_PORT, 8);
	aml_crs_io_range(aml, 0, Q35_CONFIG_ADDRESS_PORT - 1);
	aml_crs_io_range(aml, Q35_PORTS_START, Q35_PORTS_END - 1);
	aml_crs_memory_range(aml, 0xa0000, 0xbffff);
	aml_crs_memory_range(aml, Q35_BAR_START, Q35_WINDOW_END - 1);
	aml_crs_end(aml);
	aml_name_prt(aml, PCI_SLOT_COUNT, gsi_of_slot);
	aml_device_end(aml);
	/* What is in no BAR, and must not be used for one. */
	aml_device_begin(aml, "MRES");
	aml_name_eisaid(aml, "_HID", "PNP0C02");
	aml_name_integer(aml, "_UID", 0);
	aml_crs_begin(aml);
	aml_crs_memory(aml, Q35_ECAM_GPA, Q35_ECAM_BYTES);
	aml_crs_end(aml);
	aml_device_end(aml);
}

static const struct field fields[] = {
	PCI_FIELDS(struct q35_mch),
	FIELD(struct q35_mch, address, 1),
};

static const struct dev_class mch_class = {
	.name = "q35_mch",
	.spec = "Q35",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = mch_reset,
	.restored = mch_restored,
	.acpi = mch_acpi,
};

static void init_regions(struct q35_mch *mch)
{
	mch->address_region = (struct bus_region){
		.name = "pci config address",
		.base = Q35_CONFIG_ADDRESS_PORT,
		.size = 4,
		.widths = BUS_1_2_4,
		.read = address_read,
		.write = address_write,
		.ctx = mch,
	};
	mch->data_region = (struct bus_region){
		.name = "pci config data",
		.base = Q35_CONFIG_DATA_PORT,
		.size = 4,
		.widths = BUS_1_2_4,
		.read = data_read,
		.write = data_write,
		.ctx = mch,
	};
	mch->ports_region = (struct bus_region){
		.name = "pci ports",
		.base = Q35_PORTS_START,
		.size = Q35_PORTS_END - Q35_PORTS_START,
		.widths = BUS_1_2_4,
		.read = ports_read,
		.write = ports_write,
		.ctx = mch,
	};
	mch->window_region = (struct bus_region){
		.name = "pci memory",
		.base = Q35_WINDOW_START,
		.size = Q35_WINDOW_END - Q35_WINDOW_START,
		.widths = BUS_1_2_4 | BUS_8,
		.read = window_read,
		.write = window_write,
		.ctx = mch,
	};
}

void q35_mch_init(struct q35_mch *mch, const struct q35_mch_config *config)
{
	*mch = (struct q35_mch){
		.children = config->bus,
		.reset_region = config->reset_region,
		.pci.config_written = config_written,
	};
	pci_dev_init(&mch->pci, &mch_class,
		     &(struct pci_identity){
			     .vendor = PCI_INTEL,
			     .device = Q35_MCH_DEVICE,
			     .subsystem_vendor = PCI_SUBSYSTEM_VENDOR_VIRTUAL,
			     .subsystem = PCI_SUBSYSTEM_VIRTUAL,
			     .class = 0x0600, /* host bridge */
		     });
	pci_set_writable(&mch->pci, PCIEXBAR, 8,
			 PCIEXBAR_BASE | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE);
	for (u32 i = 0; i < PAM_BYTES; i++)
		pci_set_writable(&mch->pci, PAM0 + i, 1, i ? 0x33 : 0x30);
	pci_set_writable(&mch->pci, SMRAM, 2, 0x7a07);
	init_regions(mch);
	dev_reset(&mch->pci.dev);
}
