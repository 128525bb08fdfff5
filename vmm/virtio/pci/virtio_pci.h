/* SPDX-License-Identifier: MIT */
/*
 * A virtio device as a PCI function, the modern interface alone. [VIRTIO 4.1
 * "Virtio Over PCI Bus"]
 *
 * BAR 0 holds the four structures, a page each; BAR 1 the MSI-X table.
 *
 * Locks: the virtio device's, then the function's.
 */
#ifndef VMM_VIRTIO_PCI_VIRTIO_PCI_H
#define VMM_VIRTIO_PCI_VIRTIO_PCI_H

#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"

#define VIRTIO_PCI_VENDOR      0x1af4
#define VIRTIO_PCI_DEVICE_BASE 0x1040 /* plus the virtio device's id */

struct virtio_pci {
	struct pci_dev pci;
	struct virtio *virtio; /* borrowed: must outlive it */
	struct bus_region common, isr_region, device, notify;
	u32 feature_select, driver_feature_select;
	u16 queue_select, config_vector;
	u8 isr;
	u8 access_cap; /* where VIRTIO_PCI_CAP_PCI_CFG is */
};

/* Takes the device's wire. Then pci_plug. */
void virtio_pci_init(struct virtio_pci *function, struct virtio *virtio);

#endif
