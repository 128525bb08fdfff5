/* SPDX-License-Identifier: MIT */
/*
 * The host bridge of the Q35 chipset: PCI's configuration ports, the memory
 * mapped configuration space (ECAM), and the windows through which BARs are
 * reached. [Q35 5 "DRAM Controller Registers (D0:F0)"]
 *
 * Left out: the memory at 768 KiB to 1 MiB is always RAM, whatever the PAM
 * registers say, which keep what is written; there is no SMRAM.
 */
#ifndef VMM_DEV_Q35_MCH_Q35_MCH_H
#define VMM_DEV_Q35_MCH_Q35_MCH_H

#include "vmm/pci/pci.h"

#define Q35_MCH_DEVICE 0x29c0

#define Q35_CONFIG_ADDRESS_PORT 0xcf8
#define Q35_CONFIG_DATA_PORT	0xcfc
/* Ports below are the board's own. */
#define Q35_PORTS_START 0xd00
#define Q35_PORTS_END	0x10000
/* Memory that is no RAM, up to the IOAPIC. */
#define Q35_WINDOW_START 0x80000000u
#define Q35_WINDOW_END	 0xfec00000u
/* Where firmware puts the ECAM, and BARs above it. */
#define Q35_ECAM_GPA   0xb0000000u
#define Q35_ECAM_BYTES 0x10000000u
#define Q35_BAR_START  0xc0000000u

struct q35_mch_config {
	struct pci_bus *bus; /* borrowed: must outlive the device */
	/* What bytes within the address port's four are for, as 0xcf9. Never
	 * on a bus itself; offsets from 0xcf8. */
	struct bus_region *reset_region; /* borrowed, too */
};

struct q35_mch {
	struct pci_dev pci;
	struct pci_bus *children; /* borrowed */
	struct bus_region *reset_region;
	struct bus_region address_region, data_region;
	struct bus_region ports_region, window_region;
	u32 address; /* of the configuration ports; atomic */
	u64 ecam;    /* PCIEXBAR with its enable bit; atomic */
};

void q35_mch_init(struct q35_mch *mch, const struct q35_mch_config *config);

/* What firmware does before it looks for devices: turns the ECAM on. */
void q35_mch_enable_ecam(struct q35_mch *mch);

#endif
