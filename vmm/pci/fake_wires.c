/* SPDX-License-Identifier: MIT */
/* A bus on its own: see fake_wires.h. */
#include "vmm/pci/fake_wires.h"

static void set_intx(void *ctx, u32 pirq, bool level)
{
	struct fake_wires *wires = ctx;

	wires->level &= (u32)~BIT(pirq);
	wires->level |= (u32)level << pirq;
}

static void send_msi(void *ctx, u64 address, u32 data)
{
	struct fake_wires *wires = ctx;

	wires->msi_count++;
	wires->msi_address = address;
	wires->msi_data = data;
}

void fake_wires_init(struct fake_wires *wires, struct pci_bus *bus)
{
	*wires = (struct fake_wires){};
	pci_bus_init(bus, set_intx, send_msi, wires);
}
