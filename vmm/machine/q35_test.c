/* SPDX-License-Identifier: MIT */
#include "vmm/machine/board.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"
#include "vmm/firmware/acpi/tables.h"
#include "vmm/net/fake_netdev.h"

struct bench {
	struct guest_mem mem;
	struct fake_host host;
	struct loop *loop;
	struct board board;
	u32 power_count;
	enum power_event power;
	u32 irq; /* levels, a bit each */
};

static struct bench b;

static void set_irq(void *ctx, u32 irq, bool level)
{
	struct bench *bench = ctx;

	bench->irq = level ? bench->irq | (u32)BIT(irq)
			   : bench->irq & (u32)~BIT(irq);
}

static void send_msi(void *ctx, u64 address, u32 data)
{
	(void)ctx;
	(void)address;
	(void)data;
}

static void power(void *ctx, enum power_event event, int status)
{
	(void)status;
	((struct bench *)ctx)->power_count++;
	((struct bench *)ctx)->power = event;
}

static void begin_full(const struct board_disk *disk, u32 disk_count,
		       const struct board_net *net, u32 net_count, bool vga)
{
	memset(&b, 0, sizeof(b));
	fake_host_init(&b.host);
	check_eq(loop_create(&b.loop), 0);
	if (disk_count) /* without one, cards serve their queues at once */
		b.host.host.loop = b.loop;
	check_eq(guest_mem_init(&b.mem, 16 * MiB, NULL), 0);
	check_eq(board_build(&b.board,
			     &(struct board_config){
				     .kind = BOARD_Q35,
				     .mem = &b.mem,
				     .host = &b.host.host,
				     .cpu_count = 1,
				     .disk = disk,
				     .disk_count = disk_count,
				     .net = net,
				     .net_count = net_count,
				     .vga = vga,
				     .set_irq = set_irq,
				     .send_msi = send_msi,
				     .power = power,
				     .ctx = &b,
			     }),
		 0);
}

static void begin_with(const struct board_net *net, u32 net_count)
{
	begin_full(NULL, 0, net, net_count, false);
}

static void begin(void)
{
	begin_with(NULL, 0);
}

static void begin_with_cdroms(u32 count, bool vga)
{
	static const struct board_disk cdrom = {
		.serial = "", .bus = BOARD_SATA, .cdrom = true};
	struct board_disk disk[Q35_SATA_MAX] = {};

	for (u32 i = 0; i < count; i++)
		disk[i] = cdrom;
	begin_full(disk, count, NULL, 0, vga);
}

static void end(void)
{
	board_quiesce(&b.board);
	board_release(&b.board);
	loop_free(b.loop);
	guest_mem_release(&b.mem);
}

static u32 in(u16 port, u32 size)
{
	u32 value = 0;

	bus_read(&b.board.pio, port, &value, size);
	return value;
}

static void out(u16 port, u32 value, u32 size)
{
	bus_write(&b.board.pio, port, &value, size);
}

static u32 config(u32 slot, u32 offset)
{
	out(0xcf8, 0x80000000 | slot << 11 | offset, 4);
	return in(0xcfc, 4);
}

static void config_put(u32 slot, u32 offset, u32 value, u32 size)
{
	out(0xcf8, 0x80000000 | slot << 11 | (offset & 0xfc), 4);
	out((u16)(0xcfc + (offset & 3)), value, size);
}

static u64 memory(u64 gpa, u32 size)
{
	u64 value = 0;

	bus_read(&b.board.mmio, gpa, &value, size);
	return value;
}

/* Of the tables: whether one of these devices is in them. */
static bool tables_have(const char *name)
{
	static u8 data[65536];
	const u32 apic_id = 0;
	struct acpi_layout layout;

	check_eq(acpi_build(
			 &(struct acpi_config){
				 .apic_id = &apic_id,
				 .cpu_count = 1,
				 .sci_irq = IRQ_SCI,
				 .pm_base_port = BOARD_PM_BASE_PORT,
				 .dev = b.board.dev,
				 .dev_count = b.board.dev_count,
				 .ecam_gpa = Q35_ECAM_GPA,
			 },
			 data, sizeof(data), &layout),
		 0);
	return memmem(data, layout.size, name, 4) != NULL;
}

/* What a guest finds on q35-1 stays as it is: another listing, another name. */
TEST(the_functions_of_q35_1_are_these)
{
	static const struct {
		u32 slot, id, subsystem, class;
	} listing[] = {
		{0, 0x29c08086, 0x11001af4, 0x060000},
		{1, 0x10441af4, 0x10441af4, 0x100000},
		{31, 0x29188086, 0x11001af4, 0x060100},
	};
	u32 found = 0;

	begin();
	for (u32 slot = 0; slot < 32; slot++) {
		if (config(slot, 0) == UINT32_MAX)
			continue;
		check(found < ARRAY_SIZE(listing));
		check_eq(slot, listing[found].slot);
		check_eq(config(slot, 0), listing[found].id);
		check_eq(config(slot, 0x2c), listing[found].subsystem);
		check_eq(config(slot, 8) >> 8, listing[found].class);
		found++;
	}
	check_eq(found, ARRAY_SIZE(listing));
	check_eq(config(31, 0x0c), 0); /* and has no other function */
	end();
}

#define FUNCTION_2 0x200

TEST(a_cd_rom_brings_the_sata_controller_and_nothing_else)
{
	begin_with_cdroms(1, false);
	check_eq(config(31, 0), 0x29188086);
	check_eq(config(31, 0x0c) >> 16, 0x80);
	check_eq(config(31, FUNCTION_2), 0x29228086);
	check_eq(config(31, FUNCTION_2 | 8) >> 8, 0x010601);
	check_eq(config(31, FUNCTION_2 | 0x3c) >> 8 & 0xff, 1);
	check_eq(config(2, 0), UINT32_MAX);
	check_eq(b.board.q35.ahci->port[0].kind, AHCI_CDROM);
	check_eq(b.board.q35.ahci->port[1].kind, AHCI_NOTHING);
	pci_set_intx(&b.board.q35.ahci->pci, true);
	check_eq(b.irq, BIT(23)); /* PIRQH, as _PRT has it for the slot */
	end();
	begin_with_cdroms(Q35_SATA_MAX, false);
	check_eq(b.board.q35.ahci->port[5].kind, AHCI_CDROM);
	q35_assign(&b.board.q35);
	check_eq(memory(config(31, FUNCTION_2 | 0x24), 4) & 0x1f, 5);
	end();
}

TEST(a_network_card_is_in_the_slot_behind_the_disks)
{
	struct fake_netdev netdev;
	const struct board_net net = {
		.netdev = &netdev.netdev,
		.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
	};

	fake_netdev_init(&netdev);
	begin_with(&net, 1);
	check_eq(config(2, 0), 0x10411af4);
	check_eq(config(2, 0x2c), 0x10411af4);
	check_eq(config(2, 8) >> 8, 0x020000);
	check_eq(config(3, 0), UINT32_MAX);
	end();
	check(!netdev.netdev.user.receive);
}

TEST(the_vga_is_in_the_slot_behind_the_cards)
{
	u16 word = 0xb0c5;

	begin_full(NULL, 0, NULL, 0, true);
	check_eq(config(2, 0), 0x11111234);
	check_eq(config(2, 0x2c), 0x11001af4);
	check_eq(config(2, 8) >> 8, 0x030000);
	check_eq(config(3, 0), UINT32_MAX);
	out(0x1ce, 0, 2);
	check_eq(in(0x1cf, 2), word);
	out(0x3c2, 0x03, 1);
	check_eq(in(0x3cc, 1), 0x03);
	check_eq(memory(0xa0000, 1), 0); /* planes are there */
	q35_assign(&b.board.q35);
	check_eq(config(2, 0x10), 0xc1000008);
	check_eq(memory(0xc1000000, 4), 0); /* nobody has taken it as memory */
	end();
}

TEST(the_address_port_reads_back_and_has_bytes_of_others)
{
	begin();
	out(0xcf8, 0x80001234, 4);
	check_eq(in(0xcf8, 4), 0x80001234);
	out(0xcf8, 0x1234, 4); /* not enabled */
	check_eq(in(0xcfc, 4), UINT32_MAX);
	out(0xcf9, 0x02, 1);
	check_eq(b.power_count, 0);
	out(0xcf9, 0x06, 1);
	check_eq(b.power_count, 1);
	check_eq(b.power, POWER_RESET);
	end();
}

TEST(configuration_space_is_in_memory_where_pciexbar_says)
{
	begin();
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
	config_put(0, 0x60, 0xb0000001, 4);
	check_eq(memory(0xb0000000, 4), 0x29c08086);
	check_eq(memory(0xb0000000, 2), 0x8086);
	check_eq(memory(0xb0000000 + (31 << 15), 4), 0x29188086);
	check_eq(memory(0xb0000000 + (1 << 15), 8), 0x0010000010441af4);
	check_eq(memory(0xb0000100, 4), 0);
	check_eq(memory(0xb0100000, 4), UINT32_MAX); /* bus 1 */
	config_put(0, 0x60, 0, 4);
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
	end();
}

TEST(pins_reach_the_ioapic_and_where_the_routes_say)
{
	u32 pirq = pci_pirq_of(1);
	u16 at = (u16)(0x60 + pirq);

	begin();
	pci_set_intx(&b.board.q35.card[0].pci, true);
	check_eq(b.irq, BIT(16 + pirq));
	config_put(31, at, 10, 1);
	check_eq(b.irq, BIT(16 + pirq) | BIT(10));
	config_put(31, at, 11, 1);
	check_eq(b.irq, BIT(16 + pirq) | BIT(11));
	config_put(31, at, 0x8b, 1);
	check_eq(b.irq, BIT(16 + pirq));
	config_put(31, at, 11, 1);
	pci_set_intx(&b.board.q35.card[0].pci, false);
	check_eq(b.irq, 0);
	end();
}

TEST(firmware_finds_power_management_and_leaves_smm_alone)
{
	begin();
	check_eq(config(31, 0x40), BOARD_PM_BASE_PORT | 1);
	config_put(31, 0x40, 0xb001, 4);
	check_eq(config(31, 0x40), BOARD_PM_BASE_PORT | 1);
	check_eq(in(BOARD_PM_BASE_PORT + 0x30, 4), 0x20);
	check_eq(in(BOARD_PM_BASE_PORT + 0x20, 4), 0);
	out(0xb3, 0x5a, 1);
	check_eq(in(0xb3, 1), 0x5a);
	end();
}

TEST(without_firmware_cards_are_where_a_kernel_finds_them)
{
	begin();
	q35_assign(&b.board.q35);
	check_eq(memory(0xb0000000, 4), 0x29c08086);
	check_eq(config(1, 0x10), 0xc0000000);
	/* The virtio device's feature word: version 1 is bit 32. */
	check_eq(memory(0xc0000012, 2), 1); /* one queue */
	end();
}

TEST(a_reset_puts_cards_back)
{
	begin();
	q35_assign(&b.board.q35);
	pci_set_intx(&b.board.q35.card[0].pci, true);
	config_put(31, 0x60, 5, 1);
	board_quiesce(&b.board);
	board_reset(&b.board);
	check_eq(b.irq, 0);
	check_eq(config(1, 0x10), 0);
	check_eq(config(31, 0x60) & 0xff, 0x80);
	check_eq(memory(0xb0000000, 4), UINT32_MAX);
	end();
}

TEST(every_device_saves_and_restores)
{
	begin_with_cdroms(2, true);
	q35_assign(&b.board.q35);
	for (u32 i = 0; i < b.board.dev_count; i++) {
		struct dev *dev = b.board.dev[i];
		struct buf saved, again;

		buf_init(&saved, 1 << 20);
		buf_init(&again, 1 << 20);
		check_eq(dev_save(dev, &saved), 0);
		dev_reset(dev);
		check_eq(dev_load(dev, dev->class->version, saved.data,
				  saved.size),
			 0);
		check_eq(dev_save(dev, &again), 0);
		check_eq(saved.size, again.size);
		check_mem_eq(saved.data, again.data, saved.size);
		buf_release(&saved);
		buf_release(&again);
	}
	end();
}

TEST(the_tables_tell_of_the_root_bus)
{
	begin();
	check(tables_have("MCFG"));
	check(tables_have("PCI0"));
	check(tables_have("_PRT"));
	check(!tables_have("LPT1"));
	end();
}

TEST(keyboard_and_mouse_are_behind_ports_0x60_and_0x64)
{
	const struct input_event key = {
		.kind = INPUT_KEY, .down = true, .key = QCODE_A};
	const struct input_event step = {.kind = INPUT_REL, .value = 3};

	begin();
	check(tables_have("PS2K"));
	check(tables_have("PS2M"));
	input_send(&b.board.input, &key);
	check_eq(b.irq, BIT(IRQ_KEYBOARD));
	check_eq(in(0x60, 1), 0x1e);
	out(0x64, 0x60, 1);
	out(0x60, 0x47, 1);
	out(0x64, 0xd4, 1);
	out(0x60, 0xf4, 1);
	check_eq(in(0x60, 1), 0xfa);
	check_eq(b.irq, 0);
	input_send(&b.board.input, &step);
	input_sync(&b.board.input);
	check_eq(b.irq, BIT(IRQ_MOUSE));
	check_eq(in(0x60, 1), 0x08);
	check_eq(in(0x60, 1), 3);
	board_reset(&b.board);
	check_eq(b.irq, 0);
	end();
}
