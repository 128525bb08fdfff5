/* SPDX-License-Identifier: MIT */
/*
 * Any accesses to two virtio functions, one with randomness and one with ports,
 * over any rings in guest memory. Each step is an operation and an argument.
 */
#include "vmm/virtio/pci/virtio_pci.h"

#include <assert.h>
#include <string.h>

#include "vmm/char/fake_chardev.h"
#include "vmm/dev/fake_host.h"
#include "vmm/pci/fake_wires.h"
#include "vmm/virtio/console/console.h"
#include "vmm/virtio/rng/rng.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STEP_BYTES 8
#define BAR(card)  (0xc0000000u + (card)*0x100000u)
/* The rings of a queue, all in one page, so that a few bits reach all. */
#define RING_GPA(queue) (0x10000u + (queue)*0x1000u)

static struct {
	struct guest_mem mem;
	struct fake_host host;
	struct fake_chardev wire[2];
	struct fake_wires wires;
	struct pci_bus bus;
	struct virtio_rng rng;
	struct virtio_console console;
	struct virtio_pci card[2];
} t;

static void write_bar(u32 card, u32 offset, u64 value, u32 size)
{
	pci_memory_write(&t.bus, BAR(card) + offset, &value, size);
}

/* As a driver would, so that the rest is not about the first step. */
static void start_card(u32 card, u32 features)
{
	write_bar(card, 20, 0, 1);
	write_bar(card, 8, 0, 4);
	write_bar(card, 12, features, 4);
	write_bar(card, 8, 1, 4);
	write_bar(card, 12, 1, 4);
	write_bar(card, 20, 11, 1);
	for (u32 queue = 0; queue < VIRTIO_QUEUE_MAX; queue++) {
		write_bar(card, 22, queue, 2);
		write_bar(card, 24, 8, 2);
		write_bar(card, 32, RING_GPA(queue), 4);
		write_bar(card, 40, RING_GPA(queue) + 0x100, 4);
		write_bar(card, 48, RING_GPA(queue) + 0x200, 4);
		write_bar(card, 28, 1, 2);
	}
	write_bar(card, 20, 15, 1);
}

static void step(const u8 *data)
{
	u32 card = data[1] & 1, where = data[2], value;
	u8 wide[8];
	struct chardev_user *user = &t.wire[where & 1].chardev.user;
	u16 at;

	memcpy(&at, data + 2, sizeof(at));
	memcpy(&value, data + 4, sizeof(value));
	switch (data[0] % 9) {
	case 0:
		start_card(card, value);
		break;
	case 1: /* any register */
		write_bar(card, at & 0x3fff, value, 1u << (data[1] >> 6));
		break;
	case 2:
		pci_memory_read(&t.bus, BAR(card) + (at & 0x4fff), wide,
				1u << (data[1] >> 6));
		break;
	case 3:
		pci_config_write(&t.bus, (1 + card) * 8, where & 0xfc, value, 4);
		break;
	case 4:
		(void)pci_config_read(&t.bus, (1 + card) * 8, where & 0xfc, 4);
		break;
	case 5: /* a word of a ring or a descriptor */
		memcpy(guest_mem_at(&t.mem, RING_GPA(0) + (at & 0x7ffc), 4),
		       &value, 4);
		break;
	case 6:
		write_bar(card, 0x3000 + 4 * (where & 7), 0, 2);
		break;
	case 7:
		fake_host_advance(&t.host, value);
		break;
	case 8:
		value = MIN((u32)user->room(user->ctx), value & 0xff);
		if (value)
			user->receive(user->ctx, t.mem.base, value);
		t.wire[where & 1].limit = t.wire[where & 1].out_size + 16;
		user->writable(user->ctx);
		break;
	}
}

static void begin(void)
{
	int err = guest_mem_init(&t.mem, GUEST_MEM_SIZE_MIN, NULL);

	assert(!err);
	fake_host_init(&t.host);
	fake_chardev_init(&t.wire[0]);
	fake_chardev_init(&t.wire[1]);
	fake_wires_init(&t.wires, &t.bus);
	virtio_rng_init(&t.rng, &t.mem, &t.host.host);
	virtio_console_init(&t.console,
			    (struct console_port_setup[]){
				    {&t.wire[0].chardev, ""},
				    {&t.wire[1].chardev, "name"},
			    },
			    2, &t.mem, NULL);
	virtio_pci_init(&t.card[0], &t.rng.virtio);
	virtio_pci_init(&t.card[1], &t.console.virtio);
	for (u8 i = 0; i < 2; i++) {
		err = pci_plug(&t.bus, &t.card[i].pci, 1 + i);
		assert(!err);
		pci_config_write(&t.bus, (1u + i) * 8, PCI_BAR0, BAR(i), 4);
		pci_config_write(&t.bus, (1u + i) * 8, PCI_BAR0 + 4,
				 BAR(i) + 0x4000, 4);
		pci_config_write(&t.bus, (1u + i) * 8, PCI_COMMAND,
				 PCI_COMMAND_MEMORY, 2);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	begin();
	for (size_t i = 0; i + STEP_BYTES <= size; i += STEP_BYTES)
		step(data + i);
	dev_release(&t.rng.virtio.dev);
	dev_release(&t.console.virtio.dev);
	dev_release(&t.card[0].pci.dev);
	dev_release(&t.card[1].pci.dev);
	pci_bus_release(&t.bus);
	guest_mem_release(&t.mem);
	return 0;
}
