/* SPDX-License-Identifier: MIT */
/* The registers, by a driver for virtio-rng that finds its way as drivers do. */
#include "vmm/virtio/pci/virtio_pci.h"

#include "base/test.h"
#include "vmm/dev/fake_host.h"
#include "vmm/pci/fake_wires.h"
#include "vmm/virtio/rng/rng.h"

#define SLOT	 2
#define BDF	 (SLOT * 8)
#define BAR	 0xc0000000u
#define MSIX	 0xc0010000u
#define DESC_GPA 0x10000
#define DATA_GPA 0x20000

static struct {
	struct guest_mem mem;
	struct fake_host host;
	struct fake_wires wires;
	struct pci_bus bus;
	struct virtio_rng rng;
	struct virtio_pci function;
	u64 common, notify, isr, device; /* addresses */
	u8 access;			 /* the capability */
} t;

static u32 config(u32 offset, u32 size)
{
	return pci_config_read(&t.bus, BDF, offset, size);
}

static u32 get(u64 address, u32 size)
{
	u32 value = 0;

	pci_memory_read(&t.bus, address, &value, size);
	return value;
}

static void put(u64 address, u32 value, u32 size)
{
	pci_memory_write(&t.bus, address, &value, size);
}

/* [VIRTIO 4.1.4]: the driver walks the list. */
static void find_structures(void)
{
	u64 *const place[] = {NULL, &t.common, &t.notify, &t.isr, &t.device};
	u8 at = (u8)config(PCI_CAPABILITIES, 1);

	for (u32 i = 0; at && i < 16; i++, at = (u8)config(at + 1, 1)) {
		u32 type = config(at + 3, 1);

		if (config(at, 1) != PCI_CAP_VENDOR)
			continue;
		if (type == 5) {
			t.access = at;
			continue;
		}
		check(type >= 1 && type <= 4);
		check_eq(config(at + 4, 1), 0);
		*place[type] = BAR + config(at + 8, 4);
		if (type == 2)
			check_eq(config(at + 16, 4), 4);
	}
	check(t.common && t.notify && t.isr && t.device && t.access);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	check_eq(guest_mem_init(&t.mem, 4 * MiB, NULL), 0);
	fake_host_init(&t.host);
	fake_wires_init(&t.wires, &t.bus);
	virtio_rng_init(&t.rng, &t.mem, &t.host.host);
	virtio_pci_init(&t.function, &t.rng.virtio);
	check_eq(pci_plug(&t.bus, &t.function.pci, SLOT), 0);
	pci_config_write(&t.bus, BDF, PCI_BAR0, BAR, 4);
	pci_config_write(&t.bus, BDF, PCI_BAR0 + 4, MSIX, 4);
	pci_config_write(&t.bus, BDF, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	find_structures();
}

static void end(void)
{
	dev_release(&t.rng.virtio.dev);
	dev_release(&t.function.pci.dev);
	pci_bus_release(&t.bus);
	guest_mem_release(&t.mem);
}

static void start_driver(void)
{
	put(t.common + 20, 0, 1);
	put(t.common + 20, 1, 1);
	put(t.common + 20, 3, 1);
	put(t.common + 0, 1, 4);
	check_eq(get(t.common + 4, 4), 1); /* VERSION_1 */
	put(t.common + 8, 1, 4);
	put(t.common + 12, 1, 4);
	put(t.common + 20, 11, 1);
	check_eq(get(t.common + 20, 1), 11);
	put(t.common + 22, 0, 2);
	check_eq(get(t.common + 24, 2), RNG_QUEUE_SIZE);
	put(t.common + 26, 1, 2);
	put(t.common + 32, DESC_GPA, 4);
	put(t.common + 36, 0, 4);
	put(t.common + 40, DESC_GPA + 0x1000, 4);
	put(t.common + 48, DESC_GPA + 0x2000, 4);
	put(t.common + 28, 1, 2);
	check_eq(get(t.common + 28, 2), 1);
	put(t.common + 20, 15, 1);
}

static void ask(void)
{
	const struct virtq_desc desc = {
		.addr = DATA_GPA, .len = 64, .flags = VIRTQ_DESC_F_WRITE};
	u16 index;

	check(guest_mem_write(&t.mem, DESC_GPA, &desc, sizeof(desc)));
	check(guest_mem_read(&t.mem, DESC_GPA + 0x1002, &index, 2));
	index++;
	check(guest_mem_write(&t.mem, DESC_GPA + 0x1002, &index, 2));
	put(t.notify, 0, 2);
}

TEST(virtio_4_1_2_the_function_says_what_it_is)
{
	begin();
	check_eq(config(PCI_VENDOR, 2), 0x1af4);
	check_eq(config(PCI_DEVICE, 2), 0x1044);
	check(config(PCI_REVISION, 1) >= 1);
	check_eq(get(t.common + 18, 2), 1);
	end();
}

TEST(randomness_arrives_and_the_pin_is_pulled_until_isr_is_read)
{
	u8 data[64], zero[64] = {};

	begin();
	start_driver();
	ask();
	check(guest_mem_read(&t.mem, DATA_GPA, data, sizeof(data)));
	check(memcmp(data, zero, sizeof(zero)) != 0);
	check_eq(t.wires.level, BIT(pci_pirq_of(SLOT)));
	check_eq(get(t.isr, 1), 1);
	check_eq(t.wires.level, 0);
	check_eq(get(t.isr, 1), 0);
	end();
}

TEST(virtio_2_4_1_a_reset_lets_go_of_the_pin)
{
	begin();
	start_driver();
	ask();
	check_eq(t.wires.level, BIT(pci_pirq_of(SLOT)));
	put(t.common + 20, 0, 1);
	check_eq(t.wires.level, 0);
	check_eq(get(t.isr, 1), 0);
	end();
}

TEST(virtio_4_1_5_1_2_with_msi_x_the_vector_is_sent_and_no_pin_pulled)
{
	begin();
	start_driver();
	put(MSIX + 16 + 8, 0x31, 4);
	put(MSIX + 16 + 12, 0, 4);
	pci_config_write(&t.bus, BDF, t.function.pci.msix.cap + 2, 0x8000, 2);
	ask();
	check_eq(t.wires.msi_count, 1);
	check_eq(t.wires.msi_data, 0x31);
	check_eq(t.wires.level, 0);
	end();
}

TEST(virtio_4_1_5_1_2_a_vector_that_is_not_there_is_none)
{
	begin();
	put(t.common + 16, 2, 2);
	check_eq(get(t.common + 16, 2), 0xffff);
	put(t.common + 16, 1, 2);
	check_eq(get(t.common + 16, 2), 1);
	put(t.common + 22, 0, 2);
	put(t.common + 26, 77, 2);
	check_eq(get(t.common + 26, 2), 0xffff);
	end();
}

TEST(a_queue_that_is_not_there_has_no_size)
{
	begin();
	put(t.common + 22, 0xffff, 2);
	check_eq(get(t.common + 24, 2), 0);
	put(t.common + 28, 1, 2);
	check_eq(get(t.common + 28, 2), 0);
	put(t.notify + 4 * (VIRTIO_QUEUE_MAX - 1), 0, 2);
	end();
}

TEST(where_an_enabled_queue_lies_is_settled)
{
	begin();
	start_driver();
	put(t.common + 32, 0x5000, 4);
	put(t.common + 24, 8, 2);
	check_eq(get(t.common + 32, 4), DESC_GPA);
	check_eq(get(t.common + 24, 2), RNG_QUEUE_SIZE);
	put(t.common + 20, 0, 1);
	check_eq(get(t.common + 20, 1), 0);
	check_eq(get(t.common + 32, 4), 0);
	check_eq(get(t.common + 28, 2), 0);
	end();
}

TEST(virtio_4_1_4_9_registers_are_reached_through_configuration_space)
{
	begin();
	pci_config_write(&t.bus, BDF, t.access + 4, 0, 1);
	pci_config_write(&t.bus, BDF, t.access + 8, 20, 4);
	pci_config_write(&t.bus, BDF, t.access + 12, 1, 4);
	pci_config_write(&t.bus, BDF, t.access + 16, 3, 1);
	check_eq(t.rng.virtio.status, 3);
	check_eq(config(t.access + 16, 1), 3);
	/* Widths, places and BARs that are not there do nothing. */
	pci_config_write(&t.bus, BDF, t.access + 12, 3, 4);
	pci_config_write(&t.bus, BDF, t.access + 16, 0, 4);
	pci_config_write(&t.bus, BDF, t.access + 12, 4, 4);
	pci_config_write(&t.bus, BDF, t.access + 8, 0xfffffffc, 4);
	pci_config_write(&t.bus, BDF, t.access + 16, 0, 4);
	pci_config_write(&t.bus, BDF, t.access + 4, 9, 1);
	pci_config_write(&t.bus, BDF, t.access + 8, 20, 4);
	pci_config_write(&t.bus, BDF, t.access + 16, 0, 4);
	check_eq(t.rng.virtio.status, 3);
	end();
}

TEST(a_guest_that_asks_without_end_gets_a_bounded_rate)
{
	u16 used;

	begin();
	start_driver();
	for (u32 i = 0; i < 60000; i++)
		ask();
	check(guest_mem_read(&t.mem, DESC_GPA + 0x2002, &used, 2));
	check_eq(used, (RNG_RATE_BYTES - RNG_REQUEST_BYTES) / 64 + 1);
	end();
}

TEST(state_is_saved_and_restored)
{
	struct buf card, device;

	begin();
	buf_init(&card, 65536);
	buf_init(&device, 65536);
	start_driver();
	put(t.common + 22, 5, 2);
	ask();
	check_eq(t.wires.level, BIT(pci_pirq_of(SLOT)));
	check_eq(dev_save(&t.function.pci.dev, &card), 0);
	check_eq(dev_save(&t.rng.virtio.dev, &device), 0);
	dev_reset(&t.rng.virtio.dev);
	dev_reset(&t.function.pci.dev);
	check_eq(t.wires.level, 0);
	check_eq(dev_load(&t.rng.virtio.dev, 1, device.data, device.size), 0);
	check_eq(dev_load(&t.function.pci.dev, 1, card.data, card.size), 0);
	check_eq(t.wires.level, BIT(pci_pirq_of(SLOT)));
	check_eq(get(t.common + 22, 2), 5);
	check_eq(get(t.isr, 1), 1);
	ask();
	check_eq(get(t.isr, 1), 1);
	buf_release(&card);
	buf_release(&device);
	end();
}
