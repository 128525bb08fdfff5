/* SPDX-License-Identifier: MIT */
/* Interrupt routing and the registers firmware asks for: see ich9_lpc.h. */
#include "vmm/dev/ich9_lpc/ich9_lpc.h"

#include <string.h>

/* [ICH9 13.1 "PCI Configuration Registers (LPC I/F-D31:F0)"] */
#define PMBASE	   0x40
#define PMBASE_IO  0x1
#define ACPI_CNTL  0x44
#define PIRQA_ROUT 0x60 /* to D; E to H from 0x68 */
#define PIRQE_ROUT 0x68
#define ROUTE_OFF  0x80
#define ROUTE_IRQ  0x0f
#define RCBA	   0xf0

/* [ICH9 13.8.3.8 "SMI_EN"]: set up, and locked */
#define SMI_EN_APMC 0x20

#define APM_PORT 0xb2

static struct ich9_lpc *lpc_of_dev(struct dev *dev)
{
	return container_of(dev, struct ich9_lpc, pci.dev);
}

/* ---- interrupts ---- */

static u8 route_of(const struct ich9_lpc *lpc, u32 pirq)
{
	u32 at = pirq < 4 ? PIRQA_ROUT + pirq : PIRQE_ROUT + pirq - 4;

	return lpc->pci.config[at];
}

/* Inputs of the 8259s that some pin pulls, as the routes are now. */
static u32 isa_wanted(const struct ich9_lpc *lpc)
{
	u32 wanted = 0;

	for (u32 i = 0; i < PCI_INTX_COUNT; i++)
		if (lpc->pirq & BIT(i) && !(route_of(lpc, i) & ROUTE_OFF))
			wanted |= (u32)BIT(route_of(lpc, i) & ROUTE_IRQ);
	return wanted;
}

static void drive_isa(struct ich9_lpc *lpc)
{
	u32 wanted = isa_wanted(lpc), changed = wanted ^ lpc->isa_driven;

	for (u32 irq = 0; irq < 16; irq++)
		if (changed & BIT(irq))
			lpc->set_irq(lpc->ctx, irq, wanted & BIT(irq));
	lpc->isa_driven = wanted;
}

void ich9_lpc_set_pirq(struct ich9_lpc *lpc, u32 pirq, bool level)
{
	if (level)
		lpc->pirq |= (u32)BIT(pirq);
	else
		lpc->pirq &= (u32)~BIT(pirq);
	lpc->set_irq(lpc->ctx, ICH9_GSI_PIRQA + pirq, level);
	drive_isa(lpc);
}

static void config_written(struct pci_dev *pci, u32 offset, u32 size)
{
	struct ich9_lpc *lpc = container_of(pci, struct ich9_lpc, pci);

	if (offset + size <= PIRQA_ROUT || offset >= PIRQE_ROUT + 4)
		return;
	mutex_lock(&pci->bus->intx_lock);
	drive_isa(lpc);
	mutex_unlock(&pci->bus->intx_lock);
}

/* ---- ports ---- */

static u64 smi_read(void *ctx, u64 offset, u32 width)
{
	(void)ctx;
	(void)width;
	return offset ? 0 : SMI_EN_APMC;
}

static u64 apm_read(void *ctx, u64 offset, u32 width)
{
	const struct ich9_lpc *lpc = ctx;

	(void)width;
	return lpc->apm[offset];
}

static void apm_write(void *ctx, u64 offset, u64 value, u32 width)
{
	struct ich9_lpc *lpc = ctx;

	(void)width;
	lpc->apm[offset] = (u8)value;
}

/* ---- life ---- */

static void set_routes_off(struct ich9_lpc *lpc)
{
	memset(lpc->pci.config + PIRQA_ROUT, ROUTE_OFF, 4);
	memset(lpc->pci.config + PIRQE_ROUT, ROUTE_OFF, 4);
}

static void lpc_reset(struct dev *dev)
{
	struct ich9_lpc *lpc = lpc_of_dev(dev);

	pci_dev_reset(&lpc->pci);
	set_routes_off(lpc);
	lpc->apm[0] = lpc->apm[1] = 0;
	drive_isa(lpc);
}

/* The pins are driven by their devices, each by itself. */
static int lpc_restored(struct dev *dev)
{
	struct ich9_lpc *lpc = lpc_of_dev(dev);

	drive_isa(lpc);
	return pci_dev_restored(&lpc->pci);
}

static const struct field fields[] = {
	PCI_FIELDS(struct ich9_lpc),
	FIELD(struct ich9_lpc, apm, 1),
};

static const struct dev_class lpc_class = {
	.name = "ich9_lpc",
	.spec = "ICH9",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = lpc_reset,
	.restored = lpc_restored,
};

static void init_regions(struct ich9_lpc *lpc, u16 pm_base)
{
	lpc->gpe_region = (struct bus_region){
		.name = "ich9 gpe0",
		.base = pm_base + ICH9_PM_GPE0,
		.size = 16,
		.widths = BUS_1_2_4,
		.read = bus_reads_zero, /* there are no events */
		.write = bus_keeps_nothing,
		.ctx = lpc,
	};
	lpc->smi_region = (struct bus_region){
		.name = "ich9 smi",
		.base = pm_base + ICH9_PM_SMI,
		.size = 8,
		.widths = BUS_1_2_4,
		.read = smi_read,
		.write = bus_keeps_nothing,
		.ctx = lpc,
	};
	lpc->apm_region = (struct bus_region){
		.name = "apm",
		.base = APM_PORT,
		.size = 2,
		.widths = BUS_1,
		.lock = &lpc->pci.dev.lock,
		.read = apm_read,
		.write = apm_write,
		.ctx = lpc,
	};
}

void ich9_lpc_init(struct ich9_lpc *lpc, const struct ich9_lpc_config *config)
{
	*lpc = (struct ich9_lpc){
		.set_irq = config->set_irq,
		.ctx = config->ctx,
		.pci.config_written = config_written,
	};
	pci_dev_init(&lpc->pci, &lpc_class,
		     &(struct pci_identity){
			     .vendor = PCI_INTEL,
			     .device = ICH9_LPC_DEVICE,
			     .subsystem_vendor = PCI_SUBSYSTEM_VENDOR_VIRTUAL,
			     .subsystem = PCI_SUBSYSTEM_VIRTUAL,
			     .revision = 2,
			     .class = 0x0601, /* ISA bridge */
		     });
	pci_put(&lpc->pci, PMBASE, 4, config->pm_base_port | PMBASE_IO);
	pci_set_writable(&lpc->pci, ACPI_CNTL, 1, 0x87);
	pci_set_writable(&lpc->pci, PIRQA_ROUT, 4, 0x8f8f8f8f);
	pci_set_writable(&lpc->pci, PIRQE_ROUT, 4, 0x8f8f8f8f);
	pci_set_writable(&lpc->pci, RCBA, 4, 0xffffc001);
	init_regions(lpc, config->pm_base_port);
	dev_reset(&lpc->pci.dev);
}
