/* SPDX-License-Identifier: MIT */
#include "vmm/pci/pci.h"

#include <errno.h>

#include "base/test.h"
#include "vmm/pci/fake_wires.h"

#define ADDRESS(slot) ((u32)(slot)*8)

/* A function with a register in memory, one in ports, and MSI-X. */
struct card {
	struct pci_dev pci;
	struct bus_region memory, port;
	u32 value;
};

static struct {
	struct fake_wires wires;
	struct pci_bus bus;
	struct card card[2];
} t;

static u64 value_read(void *ctx, u64 offset, u32 width)
{
	(void)offset;
	(void)width;
	return ((struct card *)ctx)->value;
}

static void value_write(void *ctx, u64 offset, u64 value, u32 width)
{
	(void)offset;
	(void)width;
	((struct card *)ctx)->value = (u32)value;
}

static void card_reset(struct dev *dev)
{
	pci_dev_reset(container_of(dev, struct pci_dev, dev));
}

static int card_restored(struct dev *dev)
{
	return pci_dev_restored(container_of(dev, struct pci_dev, dev));
}

static const struct field fields[] = {
	PCI_FIELDS(struct card),
};

static const struct dev_class card_class = {
	.name = "card",
	.spec = "PCI",
	.version = 1,
	.state = {fields, ARRAY_SIZE(fields)},
	.reset = card_reset,
	.restored = card_restored,
};

static void card_init(struct card *card)
{
	*card = (struct card){};
	card->memory = (struct bus_region){
		.name = "memory",
		.base = 0x100,
		.size = 4,
		.widths = BUS_4,
		.lock = &card->pci.dev.lock,
		.read = value_read,
		.write = value_write,
		.ctx = card,
	};
	card->port = card->memory;
	card->port.base = 0;
	pci_dev_init(&card->pci, &card_class,
		     &(struct pci_identity){
			     .vendor = 0x1234,
			     .device = 0x5678,
			     .class = 0x0200,
			     .intx = true,
		     });
	pci_add_bar(&card->pci, 0, 0x1000, 0);
	pci_add_bar_region(&card->pci, 0, &card->memory);
	pci_add_bar(&card->pci, 1, 0x20, PCI_BAR_IO);
	pci_add_bar_region(&card->pci, 1, &card->port);
	pci_add_msix(&card->pci, 2, 3);
	pci_add_bar(&card->pci, 4, 0x4000, PCI_BAR_64 | PCI_BAR_PREFETCH);
	dev_reset(&card->pci.dev);
}

static void begin(void)
{
	fake_wires_init(&t.wires, &t.bus);
	card_init(&t.card[0]);
	card_init(&t.card[1]);
	check_eq(pci_plug(&t.bus, &t.card[0].pci, 3), 0);
	check_eq(pci_plug(&t.bus, &t.card[1].pci, 4), 0);
	check_eq(pci_plug(&t.bus, &t.card[1].pci, 3), -EBUSY);
}

static u32 get(u32 slot, u32 offset, u32 size)
{
	return pci_config_read(&t.bus, ADDRESS(slot), offset, size);
}

static void put(u32 slot, u32 offset, u32 value, u32 size)
{
	pci_config_write(&t.bus, ADDRESS(slot), offset, value, size);
}

static u32 memory(u64 address)
{
	u32 value = 0;

	pci_memory_read(&t.bus, address, &value, 4);
	return value;
}

TEST(an_empty_slot_reads_as_ones)
{
	begin();
	check_eq(get(5, PCI_VENDOR, 4), UINT32_MAX);
	check_eq(get(5, PCI_VENDOR, 2), 0xffff);
	check_eq(pci_config_read(&t.bus, ADDRESS(3) + 1, 0, 4), UINT32_MAX);
	check_eq(pci_config_read(&t.bus, 0x100 + ADDRESS(3), 0, 4), UINT32_MAX);
	check_eq(get(3, PCI_VENDOR, 4), 0x56781234);
	put(3, PCI_VENDOR, 0, 4);
	check_eq(get(3, PCI_VENDOR, 4), 0x56781234);
}

TEST(beyond_256_bytes_there_is_no_capability)
{
	begin();
	check_eq(get(3, 0x100, 4), 0);
	put(3, 0xffc, UINT32_MAX, 4);
	check_eq(get(3, 0xffc, 4), 0);
}

TEST(pci_6_2_5_1_a_bar_tells_its_size)
{
	begin();
	put(3, PCI_BAR0, UINT32_MAX, 4);
	check_eq(get(3, PCI_BAR0, 4), 0xfffff000);
	put(3, PCI_BAR0 + 4, UINT32_MAX, 4);
	check_eq(get(3, PCI_BAR0 + 4, 4), 0xffffffe1);
	put(3, PCI_BAR0 + 16, UINT32_MAX, 4);
	put(3, PCI_BAR0 + 20, UINT32_MAX, 4);
	check_eq(get(3, PCI_BAR0 + 16, 4), 0xffffc00c);
	check_eq(get(3, PCI_BAR0 + 20, 4), 0xffffffff);
	put(3, PCI_BAR0 + 12, UINT32_MAX, 4);
	check_eq(get(3, PCI_BAR0 + 12, 4), 0);
}

TEST(a_bar_answers_where_it_was_put_and_only_while_decoding_is_on)
{
	begin();
	t.card[0].value = 77;
	put(3, PCI_BAR0, 0xc0000000, 4);
	check_eq(memory(0xc0000100), UINT32_MAX);
	put(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	check_eq(memory(0xc0000100), 77);
	check_eq(memory(0xc0000000), UINT32_MAX);
	put(3, PCI_BAR0, 0xd0000000, 4);
	check_eq(memory(0xc0000100), UINT32_MAX);
	check_eq(memory(0xd0000100), 77);
	put(3, PCI_COMMAND, 0, 2);
	check_eq(memory(0xd0000100), UINT32_MAX);
}

TEST(ports_are_a_window_of_their_own)
{
	u32 value = 5;

	begin();
	put(3, PCI_BAR0 + 4, 0xc000, 4);
	put(3, PCI_COMMAND, PCI_COMMAND_IO, 2);
	pci_port_write(&t.bus, 0xc000, &value, 4);
	check_eq(t.card[0].value, 5);
	put(3, PCI_BAR0 + 4, 0x1fff0, 4); /* beyond the last port */
	pci_port_write(&t.bus, 0xfff0, &value, 4);
	value = 6;
	pci_port_write(&t.bus, 0xc000, &value, 4);
	check_eq(t.card[0].value, 5);
}

TEST(of_two_at_one_address_the_first_answers_and_nothing_breaks)
{
	begin();
	t.card[0].value = 1;
	t.card[1].value = 2;
	for (u32 slot = 3; slot <= 4; slot++) {
		put(slot, PCI_BAR0, 0xc0000000, 4);
		put(slot, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	}
	check_eq(memory(0xc0000100), 1);
	put(3, PCI_BAR0, 0xc0100000, 4);
	put(4, PCI_BAR0, 0xc0000000, 4);
	check_eq(memory(0xc0000100), 2);
	check_eq(memory(0xc0100100), 1);
}

TEST(a_bar_at_the_end_of_the_address_space_is_not_mapped)
{
	begin();
	put(3, PCI_BAR0 + 16, UINT32_MAX, 4);
	put(3, PCI_BAR0 + 20, UINT32_MAX, 4);
	put(3, PCI_BAR0, UINT32_MAX, 4);
	put(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	check(!t.card[0].pci.bar[0].mapped && !t.card[0].pci.bar[4].mapped);
}

/* ---- interrupts ---- */

TEST(pins_are_ored_on_a_wire_and_can_be_turned_off)
{
	u32 pirq = pci_pirq_of(3);

	begin();
	pci_set_intx(&t.card[0].pci, true);
	check_eq(t.wires.level, BIT(pirq));
	check(get(3, PCI_STATUS, 2) & PCI_STATUS_INTX);
	check(get(3, PCI_COMMAND, 4) & (u32)PCI_STATUS_INTX << 16);
	put(3, PCI_COMMAND, PCI_COMMAND_INTX_OFF, 2);
	check_eq(t.wires.level, 0);
	put(3, PCI_COMMAND, 0, 2);
	check_eq(t.wires.level, BIT(pirq));
	dev_reset(&t.card[0].pci.dev);
	check_eq(t.wires.level, 0);
}

static void msix_on(u32 slot, u64 table)
{
	u32 cap = t.card[slot - 3].pci.msix.cap;

	put(slot, PCI_BAR0 + 8, (u32)table, 4);
	put(slot, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	put(slot, cap + 2, 0x8000, 2);
}

static void entry_write(u64 table, u32 index, u32 field, u32 value)
{
	pci_memory_write(&t.bus, table + 16 * index + 4 * field, &value, 4);
}

TEST(pci_6_8_2_a_vector_sends_its_message)
{
	begin();
	check_eq(get(3, t.card[0].pci.msix.cap, 1), PCI_CAP_MSIX);
	check_eq(get(3, t.card[0].pci.msix.cap + 2, 2), 2);
	msix_on(3, 0xc1000000);
	entry_write(0xc1000000, 1, 0, 0xfee01000);
	entry_write(0xc1000000, 1, 2, 0x41);
	entry_write(0xc1000000, 1, 3, 0);
	pci_msix_send(&t.card[0].pci, 1);
	check_eq(t.wires.msi_count, 1);
	check_eq(t.wires.msi_address, 0xfee01000);
	check_eq(t.wires.msi_data, 0x41);
	pci_msix_send(&t.card[0].pci, 3);
	pci_msix_send(&t.card[0].pci, 0xffff);
	check_eq(t.wires.msi_count, 1);
}

TEST(pci_6_8_2_a_masked_vector_is_pending_until_it_is_not)
{
	u32 pending;

	begin();
	msix_on(3, 0xc1000000);
	pci_msix_send(&t.card[0].pci, 2);
	check_eq(t.wires.msi_count, 0);
	pci_memory_read(&t.bus, 0xc1000000 + 2048, &pending, 4);
	check_eq(pending, BIT(2));
	entry_write(0xc1000000, 2, 3, 0);
	check_eq(t.wires.msi_count, 1);
	put(3, t.card[0].pci.msix.cap + 2, 0xc000, 2); /* the whole function */
	pci_msix_send(&t.card[0].pci, 2);
	check_eq(t.wires.msi_count, 1);
	put(3, t.card[0].pci.msix.cap + 2, 0x8000, 2);
	check_eq(t.wires.msi_count, 2);
}

TEST(pci_6_8_1_one_message_is_sent_as_the_driver_has_written_it)
{
	u32 cap;

	begin();
	check(!t.card[0].pci.msi.enabled);
	pci_add_msi(&t.card[0].pci);
	cap = t.card[0].pci.msi.cap;
	check_eq(get(3, cap, 4) & 0xff00ff, PCI_CAP_MSI | 0x800000);
	pci_msi_send(&t.card[0].pci);
	check_eq(t.wires.msi_count, 0);
	put(3, cap + 4, UINT32_MAX, 4);
	put(3, cap + 8, 0x12, 4);
	put(3, cap + 12, UINT32_MAX, 4);
	check_eq(get(3, cap + 4, 4), 0xfffffffc);
	check_eq(get(3, cap + 12, 4), 0xffff);
	put(3, cap + 2, 0xffff, 2);
	check_eq(get(3, cap + 2, 2), 0x81);
	pci_msi_send(&t.card[0].pci);
	check_eq(t.wires.msi_count, 1);
	check_eq(t.wires.msi_address, 0x12fffffffc);
	check_eq(t.wires.msi_data, 0xffff);
	dev_reset(&t.card[0].pci.dev);
	pci_msi_send(&t.card[0].pci);
	check_eq(t.wires.msi_count, 1);
}

/* ---- functions of one slot ---- */

TEST(pci_6_2_1_function_0_tells_that_there_are_more)
{
	static struct card more;
	const u32 bdf = ADDRESS(3) + 2;

	begin();
	card_init(&more);
	check_eq(get(3, PCI_HEADER_TYPE, 1), 0);
	check_eq(pci_config_read(&t.bus, bdf, PCI_VENDOR, 4), UINT32_MAX);
	check_eq(pci_plug_function(&t.bus, &more.pci, 3, 2), 0);
	check_eq(pci_plug_function(&t.bus, &more.pci, 3, 2), -EBUSY);
	check_eq(get(3, PCI_HEADER_TYPE, 1), PCI_HEADER_MULTIFUNCTION);
	check_eq(get(4, PCI_HEADER_TYPE, 1), 0);
	check_eq(pci_config_read(&t.bus, bdf, PCI_VENDOR, 4), 0x56781234);
	check_eq(pci_config_read(&t.bus, bdf, PCI_HEADER_TYPE, 1), 0);
	dev_reset(&t.card[0].pci.dev);
	check_eq(get(3, PCI_HEADER_TYPE, 1), PCI_HEADER_MULTIFUNCTION);
}

TEST(functions_of_a_slot_share_its_wire)
{
	static struct card more;
	u32 pirq = pci_pirq_of(3);

	begin();
	card_init(&more);
	check_eq(pci_plug_function(&t.bus, &more.pci, 3, 2), 0);
	pci_set_intx(&t.card[0].pci, true);
	pci_set_intx(&more.pci, true);
	pci_set_intx(&t.card[0].pci, false);
	check_eq(t.wires.level, BIT(pirq));
	pci_set_intx(&more.pci, true);
	pci_set_intx(&more.pci, false);
	check_eq(t.wires.level, 0);
}

/* ---- the whole ---- */

TEST(without_firmware_every_bar_gets_a_place)
{
	begin();
	pci_assign(&t.bus, 0xc0000000, 0xfec00000, 0xc000, 0x10000);
	for (u32 slot = 3; slot <= 4; slot++) {
		t.card[slot - 3].value = slot;
		check_eq(get(slot, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
		check_eq(memory((get(slot, PCI_BAR0, 4) & ~0xfffu) + 0x100),
			 slot);
	}
}

TEST(a_bar_without_room_stays_off)
{
	begin();
	pci_assign(&t.bus, 0xc0000000, 0xc0001000, 0xc000, 0xc010);
	check_eq(get(3, PCI_BAR0, 4), 0xc0000000);
	check_eq(get(4, PCI_BAR0, 4), 0);
	check_eq(get(4, PCI_COMMAND, 2), 0);
}

/* ---- memory behind a BAR ---- */

#define RAM_BYTES 0x10000
#define ROM_BYTES 0x1000

/* A function whose BAR 0 is memory, with a ROM, and the machine's side of it. */
struct ram_card {
	struct pci_dev pci;
	struct pci_ram ram, rom;
	u8 memory[RAM_BYTES], code[ROM_BYTES];
};

static struct {
	struct ram_card card;
	u64 gpa[2];
	u32 calls;
	int answer;
	bool clash; /* two of them lay at one address */
} r;

static int set_ram(void *ctx, const struct pci_ram *ram, u64 gpa)
{
	(void)ctx;
	r.calls++;
	check(ram->number < 2);
	if (r.answer)
		return r.answer;
	check((gpa == PCI_RAM_NOWHERE) !=
	      (r.gpa[ram->number] == PCI_RAM_NOWHERE));
	r.gpa[ram->number] = gpa;
	r.clash |= gpa != PCI_RAM_NOWHERE && r.gpa[0] <= r.gpa[1] &&
		   r.gpa[1] - r.gpa[0] < RAM_BYTES;
	return 0;
}

static void begin_ram(void)
{
	struct ram_card *card = &r.card;

	memset(&r, 0, sizeof(r));
	r.gpa[0] = r.gpa[1] = PCI_RAM_NOWHERE;
	begin();
	t.bus.set_ram = set_ram;
	pci_dev_init(&card->pci, &card_class,
		     &(struct pci_identity){.vendor = 1, .device = 2});
	card->ram = (struct pci_ram){.host = card->memory, .size = RAM_BYTES};
	card->rom = (struct pci_ram){
		.host = card->code, .size = ROM_BYTES, .read_only = true};
	pci_add_ram(&card->pci, 0, &card->ram, PCI_BAR_PREFETCH);
	pci_add_ram(&card->pci, PCI_BAR_ROM, &card->rom, 0);
	check_eq(pci_plug(&t.bus, &card->pci, 5), 0);
}

TEST(the_machine_is_told_where_a_bars_memory_is)
{
	begin_ram();
	put(5, PCI_BAR0, 0xd0000000, 4);
	check_eq(r.calls, 0);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	check_eq(r.gpa[0], 0xd0000000);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	check_eq(r.calls, 1); /* it is where it was */
	put(5, PCI_BAR0, 0xd1000000, 4);
	check_eq(r.gpa[0], 0xd1000000);
	put(5, PCI_BAR0, UINT32_MAX, 4);
	check_eq(r.gpa[0], PCI_RAM_NOWHERE);
	put(5, PCI_BAR0, 0xd1000000, 4);
	dev_reset(&r.card.pci.dev);
	check_eq(r.gpa[0], PCI_RAM_NOWHERE);
	pci_ram_take_away(&r.card.pci);
}

TEST(pci_6_2_5_2_a_rom_is_decoded_where_its_own_bit_says)
{
	begin_ram();
	put(5, PCI_ROM_BASE, UINT32_MAX, 4);
	check_eq(get(5, PCI_ROM_BASE, 4), 0xfffff001);
	put(5, PCI_ROM_BASE, 0xd2000000, 4);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	check_eq(r.gpa[1], PCI_RAM_NOWHERE);
	put(5, PCI_ROM_BASE, 0xd2000001, 4);
	check_eq(r.gpa[1], 0xd2000000);
	put(5, PCI_COMMAND, 0, 2);
	check_eq(r.gpa[1], PCI_RAM_NOWHERE);
}

TEST(what_leaves_a_place_leaves_before_another_comes)
{
	begin_ram();
	put(5, PCI_ROM_BASE, 0xd2000001, 4);
	put(5, PCI_BAR0, 0xd1000000, 4);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	put(5, PCI_BAR0, 0xd2000000, 4); /* onto the ROM, which goes first */
	check(!r.clash);
	put(5, PCI_ROM_BASE, 0xd3000001, 4);
	check_eq(r.gpa[0], 0xd2000000);
	check_eq(r.gpa[1], 0xd3000000);
	check(!r.clash);
}

TEST(memory_that_the_machine_does_not_take_is_answered_for)
{
	u32 value = 0x12345678;

	begin_ram();
	r.answer = -EEXIST;
	r.card.code[4] = 0x99;
	put(5, PCI_BAR0, 0xd0000000, 4);
	put(5, PCI_ROM_BASE, 0xd2000001, 4);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	pci_memory_write(&t.bus, 0xd000fffc, &value, 4);
	check_eq(r.card.memory[RAM_BYTES - 1], 0x12);
	check_eq(memory(0xd000fffc), 0x12345678);
	pci_memory_write(&t.bus, 0xd2000004, &value, 4);
	check_eq(memory(0xd2000004), 0x99);
	check_eq(r.card.ram.gpa, PCI_RAM_NOWHERE);
}

TEST(memory_that_cannot_be_taken_away_goes_with_the_next_move)
{
	begin_ram();
	put(5, PCI_BAR0, 0xd0000000, 4);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	r.answer = -ENOMEM;
	put(5, PCI_BAR0, 0xd1000000, 4);
	check_eq(r.card.ram.gpa, 0xd0000000);
	r.answer = 0;
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	check_eq(r.gpa[0], 0xd1000000);
	check_eq(r.card.ram.gpa, 0xd1000000);
}

TEST(a_restored_bars_memory_is_where_it_was)
{
	struct buf saved;

	begin_ram();
	buf_init(&saved, 65536);
	put(5, PCI_BAR0, 0xd0000000, 4);
	put(5, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	check_eq(dev_save(&r.card.pci.dev, &saved), 0);
	put(5, PCI_BAR0, 0xe0000000, 4);
	check_eq(dev_load(&r.card.pci.dev, 1, saved.data, saved.size), 0);
	check_eq(r.gpa[0], 0xd0000000);
	buf_release(&saved);
}

TEST(the_state_of_another_function_is_refused_and_leaves_nothing)
{
	struct buf saved;
	u32 id;

	begin();
	id = pci_config_read(&t.bus, 3 * 8, PCI_VENDOR, 4);
	buf_init(&saved, 65536);
	t.card[0].pci.config[PCI_DEVICE] ^= 1;
	check_eq(dev_save(&t.card[0].pci.dev, &saved), 0);
	t.card[0].pci.config[PCI_DEVICE] ^= 1;
	check_eq(dev_load(&t.card[0].pci.dev, 1, saved.data, saved.size),
		 -EINVAL);
	check_eq(pci_config_read(&t.bus, 3 * 8, PCI_VENDOR, 4), id);
	buf_release(&saved);
}

TEST(state_is_saved_and_restored)
{
	struct card before;
	struct buf saved;
	const char *name = "";

	begin();
	buf_init(&saved, 65536);
	msix_on(3, 0xc1000000);
	put(3, PCI_BAR0, 0xc0000000, 4);
	pci_msix_send(&t.card[0].pci, 1);
	pci_set_intx(&t.card[0].pci, true);
	before = t.card[0];
	check_eq(dev_save(&t.card[0].pci.dev, &saved), 0);
	dev_reset(&t.card[0].pci.dev);
	check_eq(t.wires.level, 0);
	check_eq(dev_load(&t.card[0].pci.dev, 1, saved.data, saved.size), 0);
	check(fields_equal(&card_class.state, &before, &t.card[0], &name));
	check_eq(t.wires.level, BIT(pci_pirq_of(3)));
	t.card[0].value = 9;
	check_eq(memory(0xc0000100), 9);
	buf_release(&saved);
}
