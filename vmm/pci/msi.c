/* SPDX-License-Identifier: MIT */
/*
 * MSI, for devices of one message: see pci.h. What the driver writes into the
 * capability is copied under the device's lock, which sending needs anyway; the
 * registers themselves are under config_lock, which it must not take.
 */
#include "vmm/pci/pci.h"

#include <assert.h>

/* [PCI 6.8.1 "MSI Capability Structure"], of 64 bits */
#define CONTROL	 2
#define ADDRESS	 4
#define DATA	 12
#define CAP_SIZE 14

#define CONTROL_ENABLE 0x0001
#define CONTROL_64     0x0080

void pci_add_msi(struct pci_dev *pci)
{
	u8 registers[CAP_SIZE - 2] = {CONTROL_64};
	u8 at = pci_add_capability(pci, PCI_CAP_MSI, registers, CAP_SIZE);

	assert(!pci->msi.cap);
	pci->msi.cap = at;
	pci_set_writable(pci, at + CONTROL, 2, CONTROL_ENABLE);
	pci_set_writable(pci, at + ADDRESS, 8, ~(u64)3);
	pci_set_writable(pci, at + DATA, 2, 0xffff);
}

void pci_msi_changed(struct pci_dev *pci)
{
	struct pci_msi *msi = &pci->msi;

	msi->enabled = pci_get(pci, msi->cap + CONTROL, 2) & CONTROL_ENABLE;
	msi->address = pci_get(pci, msi->cap + ADDRESS, 8);
	msi->data = (u32)pci_get(pci, msi->cap + DATA, 2);
}

void pci_msi_send(struct pci_dev *pci)
{
	if (pci->msi.enabled)
		pci->bus->send_msi(pci->bus->ctx, pci->msi.address,
				   pci->msi.data);
}
