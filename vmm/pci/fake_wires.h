/* SPDX-License-Identifier: MIT */
/* For tests: what a PCI bus tells of interrupts, noted and passed to nobody. */
#ifndef VMM_PCI_FAKE_WIRES_H
#define VMM_PCI_FAKE_WIRES_H

#include "vmm/pci/pci.h"

struct fake_wires {
	u32 level; /* PIRQA in bit 0, and so on */
	u32 msi_count;
	u64 msi_address; /* the last one's, as its data */
	u32 msi_data;
};

/* pci_bus_init, with these as its ctx, too: nothing has happened yet. */
void fake_wires_init(struct fake_wires *wires, struct pci_bus *bus);

#endif
