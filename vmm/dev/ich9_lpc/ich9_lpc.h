/* SPDX-License-Identifier: MIT */
/*
 * The LPC bridge of the ICH9: where the PC's old devices hang, how the pins of
 * PCI reach the interrupt controllers, and what firmware looks for before it
 * uses power management. [ICH9 13 "LPC Interface Bridge Registers (D31:F0)"]
 *
 * The power management block is at a fixed port (BASE below): PMBASE reads so
 * and keeps nothing else. System management interrupts are not there: SMI_EN
 * reads as if they had been set up and locked, which is how firmware leaves
 * them alone.
 *
 * Locks: pci_bus.intx_lock guards the wires.
 */
#ifndef VMM_DEV_ICH9_LPC_ICH9_LPC_H
#define VMM_DEV_ICH9_LPC_ICH9_LPC_H

#include "vmm/pci/pci.h"

#define ICH9_LPC_DEVICE 0x2918
#define ICH9_LPC_SLOT	31
#define ICH9_GSI_PIRQA	16

/* Offsets from PMBASE that the board's acpi_pm does not have. */
#define ICH9_PM_BYTES 128
#define ICH9_PM_GPE0  0x20
#define ICH9_PM_SMI   0x30

struct ich9_lpc_config {
	u16 pm_base_port;
	void (*set_irq)(void *ctx, u32 irq, bool level);
	void *ctx; /* borrowed: must outlive the device */
};

struct ich9_lpc {
	struct pci_dev pci;
	struct bus_region gpe_region, smi_region, apm_region;
	void (*set_irq)(void *ctx, u32 irq, bool level);
	void *ctx;
	u8 apm[2];	/* 0xb2, 0xb3 */
	u32 pirq;	/* levels, a bit each */
	u32 isa_driven; /* which of the 8259s' inputs we pull, a bit each */
};

void ich9_lpc_init(struct ich9_lpc *lpc, const struct ich9_lpc_config *config);

/* For pci_bus.set_intx. */
void ich9_lpc_set_pirq(struct ich9_lpc *lpc, u32 pirq, bool level);

#endif
