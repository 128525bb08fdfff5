/* SPDX-License-Identifier: MIT */
#include "vmm/dev/ich9_lpc/ich9_lpc.h"

#include "base/test.h"
#include "vmm/pci/fake_wires.h"

#define BDF (ICH9_LPC_SLOT * 8)
#define PM  0x600

static struct {
	struct fake_wires wires;
	struct pci_bus pci;
	struct bus ports;
	struct ich9_lpc lpc;
	u32 irq;   /* levels, a bit each */
	u32 calls; /* of set_irq */
} t;

static void set_irq(void *ctx, u32 irq, bool level)
{
	(void)ctx;
	t.irq = level ? t.irq | (u32)BIT(irq) : t.irq & (u32)~BIT(irq);
	t.calls++;
}

static void set_intx(void *ctx, u32 pirq, bool level)
{
	(void)ctx;
	ich9_lpc_set_pirq(&t.lpc, pirq, level);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	fake_wires_init(&t.wires, &t.pci);
	t.pci.set_intx = set_intx;
	bus_init(&t.ports, "ports", 0x10000);
	ich9_lpc_init(&t.lpc, &(struct ich9_lpc_config){.pm_base_port = PM,
							.set_irq = set_irq});
	check_eq(pci_plug(&t.pci, &t.lpc.pci, ICH9_LPC_SLOT), 0);
	check_eq(bus_add(&t.ports, &t.lpc.gpe_region), 0);
	check_eq(bus_add(&t.ports, &t.lpc.smi_region), 0);
	check_eq(bus_add(&t.ports, &t.lpc.apm_region), 0);
}

static void route(u32 at, u8 value)
{
	pci_config_write(&t.pci, BDF, at, value, 1);
}

static u32 in(u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&t.ports, port, &value, size);
	return value;
}

TEST(ich9_13_1_a_route_is_off_after_power_on)
{
	begin();
	for (u32 i = 0; i < 4; i++) {
		check_eq(pci_config_read(&t.pci, BDF, 0x60 + i, 1), 0x80);
		check_eq(pci_config_read(&t.pci, BDF, 0x68 + i, 1), 0x80);
	}
	for (u32 pirq = 0; pirq < PCI_INTX_COUNT; pirq++) {
		ich9_lpc_set_pirq(&t.lpc, pirq, true);
		check_eq(t.irq, BIT(ICH9_GSI_PIRQA + pirq));
		ich9_lpc_set_pirq(&t.lpc, pirq, false);
		check_eq(t.irq, 0);
	}
}

TEST(all_eight_wires_have_a_route)
{
	begin();
	for (u32 pirq = 0; pirq < PCI_INTX_COUNT; pirq++) {
		route(pirq < 4 ? 0x60 + pirq : 0x64 + pirq, (u8)(3 + pirq));
		ich9_lpc_set_pirq(&t.lpc, pirq, true);
		check(t.irq & BIT(3 + pirq));
		ich9_lpc_set_pirq(&t.lpc, pirq, false);
		check_eq(t.irq, 0);
	}
}

TEST(two_wires_on_one_input_are_ored)
{
	begin();
	route(0x60, 11);
	route(0x61, 11);
	ich9_lpc_set_pirq(&t.lpc, 0, true);
	ich9_lpc_set_pirq(&t.lpc, 1, true);
	ich9_lpc_set_pirq(&t.lpc, 0, false);
	check(t.irq & BIT(11));
	ich9_lpc_set_pirq(&t.lpc, 1, false);
	check_eq(t.irq, 0);
}

TEST(a_route_that_moves_takes_the_level_along)
{
	begin();
	route(0x60, 10);
	ich9_lpc_set_pirq(&t.lpc, 0, true);
	route(0x60, 5);
	check_eq(t.irq, BIT(16) | BIT(5));
	route(0x60, 0x85);
	check_eq(t.irq, BIT(16));
}

TEST(a_write_elsewhere_drives_nothing)
{
	u32 calls;

	begin();
	ich9_lpc_set_pirq(&t.lpc, 0, true);
	calls = t.calls;
	pci_config_write(&t.pci, BDF, 0x44, 0x80, 1);
	pci_config_write(&t.pci, BDF, 0xf0, 0xfed1c001, 4);
	check_eq(t.calls, calls);
	check_eq(pci_config_read(&t.pci, BDF, 0xf0, 4), 0xfed1c001);
}

TEST(firmware_finds_smm_set_up_and_no_events)
{
	u32 ones = UINT32_MAX;

	begin();
	check_eq(pci_config_read(&t.pci, BDF, 0x40, 4), PM | 1);
	check_eq(in(PM + ICH9_PM_SMI, 4), 0x20);
	check_eq(in(PM + ICH9_PM_SMI + 4, 4), 0);
	for (u16 i = 0; i < 16; i += 4) {
		bus_write(&t.ports, PM + ICH9_PM_GPE0 + i, &ones, 4);
		check_eq(in(PM + ICH9_PM_GPE0 + i, 4), 0);
	}
	bus_write(&t.ports, 0xb3, &ones, 1);
	check_eq(in(0xb2, 1), 0);
	check_eq(in(0xb3, 1), 0xff);
}

TEST(a_reset_turns_the_routes_off)
{
	begin();
	route(0x62, 9);
	ich9_lpc_set_pirq(&t.lpc, 2, true);
	check(t.irq & BIT(9));
	dev_reset(&t.lpc.pci.dev);
	check(!(t.irq & BIT(9)));
	check_eq(pci_config_read(&t.pci, BDF, 0x62, 1), 0x80);
}

TEST(state_is_saved_and_restored)
{
	struct buf saved;

	begin();
	buf_init(&saved, 65536);
	route(0x60, 11);
	check_eq(dev_save(&t.lpc.pci.dev, &saved), 0);
	dev_reset(&t.lpc.pci.dev);
	check_eq(dev_load(&t.lpc.pci.dev, 1, saved.data, saved.size), 0);
	ich9_lpc_set_pirq(&t.lpc, 0, true);
	check_eq(t.irq, BIT(16) | BIT(11));
	buf_release(&saved);
}
