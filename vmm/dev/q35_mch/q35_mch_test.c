/* SPDX-License-Identifier: MIT */
#include "vmm/dev/q35_mch/q35_mch.h"

#include "base/test.h"
#include "vmm/pci/fake_wires.h"

#define ID 0x29c08086u

static struct {
	struct fake_wires wires;
	struct pci_bus pci;
	struct bus ports, memory;
	struct q35_mch mch;
	struct bus_region reset;
	struct mutex reset_lock;
	u64 reset_offset, reset_value;
	u32 reset_width; /* of the last access; 0: none */
} t;

static u64 reset_read(void *ctx, u64 offset, u32 width)
{
	(void)ctx;
	t.reset_offset = offset;
	t.reset_width = width;
	return 0x5a;
}

static void reset_write(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)ctx;
	t.reset_offset = offset;
	t.reset_value = value;
	t.reset_width = width;
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	mutex_init(&t.reset_lock);
	t.reset = (struct bus_region){.name = "reset",
				      .lock = &t.reset_lock,
				      .read = reset_read,
				      .write = reset_write};
	fake_wires_init(&t.wires, &t.pci);
	bus_init(&t.ports, "ports", 0x10000);
	bus_init(&t.memory, "memory", 0);
	q35_mch_init(&t.mch, &(struct q35_mch_config){
				     .bus = &t.pci, .reset_region = &t.reset});
	check_eq(pci_plug(&t.pci, &t.mch.pci, 0), 0);
	check_eq(bus_add(&t.ports, &t.mch.address_region), 0);
	check_eq(bus_add(&t.ports, &t.mch.data_region), 0);
	check_eq(bus_add(&t.ports, &t.mch.ports_region), 0);
	check_eq(bus_add(&t.memory, &t.mch.window_region), 0);
}

static u32 in(u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&t.ports, port, &value, size);
	return value;
}

static void out(u16 port, u32 value, u32 size)
{
	bus_write(&t.ports, port, &value, size);
}

static u64 memory(u64 gpa, u32 size)
{
	u64 value = 0;

	bus_read(&t.memory, gpa, &value, size);
	return value;
}

static void set_ecam(u64 value)
{
	pci_config_write(&t.pci, 0, 0x60, (u32)value, 4);
	pci_config_write(&t.pci, 0, 0x64, (u32)(value >> 32), 4);
}

TEST(pci_3_2_2_3_2_the_data_port_is_where_the_address_says)
{
	begin();
	check_eq(in(0xcfc, 4), UINT32_MAX); /* not enabled */
	out(0xcf8, 0x80000000, 4);
	check_eq(in(0xcfc, 4), ID);
	check_eq(in(0xcfe, 2), ID >> 16);
	check_eq(in(0xcfd, 1), ID >> 8 & 0xff);
	out(0xcf8, 0x80000800, 4); /* slot 1 is empty */
	check_eq(in(0xcfc, 4), UINT32_MAX);
	out(0xcf8, 0x8000009c, 4); /* SMRAM is its second byte */
	out(0xcfd, 0x0a, 1);
	check_eq(in(0xcfd, 1), 0x02);
}

TEST(narrow_accesses_of_the_address_are_the_reset_registers)
{
	begin();
	out(0xcf8, 0x80001234, 4);
	check_eq(in(0xcf8, 4), 0x80001234);
	check_eq(t.reset_width, 0);
	out(0xcf9, 0x06, 1);
	check_eq(t.reset_offset, 1);
	check_eq(t.reset_value, 0x06);
	check_eq(in(0xcf9, 1), 0x5a);
	check_eq(t.reset_width, 1);
	check_eq(in(0xcf8, 4), 0x80001234);
}

TEST(q35_5_1_13_the_ecam_has_a_place_and_a_length)
{
	begin();
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
	set_ecam(0xb0000001);
	check_eq(memory(0xb0000000, 4), ID);
	check_eq(memory(0xbffff000, 4), UINT32_MAX); /* the last function */
	set_ecam(0xe0000005);			     /* 64 MiB */
	check_eq(memory(0xe0000000, 8) & UINT32_MAX, ID);
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
	set_ecam(0xe0000000);
	check_eq(memory(0xe0000000, 4), UINT32_MAX);
	set_ecam((u64)1 << 35 | 0xb0000001); /* beyond what can be reached */
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
}

TEST(an_access_of_eight_bytes_is_two_of_four)
{
	u64 value = 0x3300000033333333;

	begin();
	set_ecam(0xb0000001);
	bus_write(&t.memory, 0xb0000090, &value, 8);
	/* PAM0 has its upper half, the others both; SMRAM is further on. */
	check_eq(memory(0xb0000090, 8), 0x0000000033333330);
}

TEST(firmware_finds_it_enabled_where_we_did_its_work)
{
	begin();
	q35_mch_enable_ecam(&t.mch);
	check_eq(memory(Q35_ECAM_GPA, 4), ID);
	dev_reset(&t.mch.pci.dev);
	check_eq(memory(Q35_ECAM_GPA, 4), UINT32_MAX);
}

TEST(state_is_saved_and_restored)
{
	struct buf saved;

	begin();
	buf_init(&saved, 65536);
	set_ecam(0xb0000001);
	out(0xcf8, 0x80000000, 4);
	check_eq(dev_save(&t.mch.pci.dev, &saved), 0);
	dev_reset(&t.mch.pci.dev);
	check_eq(in(0xcf8, 4), 0);
	check_eq(dev_load(&t.mch.pci.dev, 1, saved.data, saved.size), 0);
	check_eq(in(0xcfc, 4), ID);
	check_eq(memory(0xb0000000, 4), ID);
	buf_release(&saved);
}
