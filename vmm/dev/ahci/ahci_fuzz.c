/* SPDX-License-Identifier: MIT */
/*
 * Any registers, command lists, FISes and packets of a driver, and any saved state,
 * on the drives of fake_ahci.h. Each step is an operation and its argument; the
 * steps prefer the places where a port's structures are.
 */
#include "vmm/dev/ahci/ahci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/dev/ahci/fake_ahci.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STEP_BYTES 8
#define ROUNDS_MAX 3

static struct fake_ahci t;

static void rounds(u32 count)
{
	for (u32 i = 0; i < count; i++) {
		int err = loop_run_once(t.loop, 0);

		assert(err >= 0);
	}
}

static void put(gpa_t gpa, u32 value)
{
	void *at = guest_mem_at(&t.mem, gpa, sizeof(value));

	assert(at);
	memcpy(at, &value, sizeof(value));
}

/* An entry, of memory or of anything. */
static void put_entry(u32 port, u32 slot, u16 at, u32 value)
{
	gpa_t entry = fake_ahci_table_gpa(port, slot) + 0x80 + (at & 7) * 16;

	put(entry, value & 1 ? (u32)FAKE_AHCI_DATA_GPA + (value >> 12) : value);
	put(entry + 4, value & 2 ? 0 : value);
	put(entry + 12, value & 4 ? at | 1u : value);
}

/* The state as it is but for four bytes; it may be refused. */
static void load_another(u16 at, u32 value)
{
	struct dev *dev = &t.ahci->pci.dev;
	struct buf saved;
	int err;

	buf_init(&saved, 65536);
	dev_quiesce(dev);
	err = dev_save(dev, &saved);
	assert(!err && saved.size > sizeof(value));
	memcpy((u8 *)saved.data + at % (saved.size - sizeof(value)), &value,
	       sizeof(value));
	err = dev_load(dev, dev->class->version, saved.data, saved.size);
	assert(!err || err == -EINVAL);
	buf_release(&saved);
}

/* data[0]: what, data[1]: port and slot. */
static void step(const u8 *data)
{
	u32 port = data[1] & 3, slot = data[1] >> 3 & 31, value;
	u16 at;

	memcpy(&at, data + 2, sizeof(at));
	memcpy(&value, data + 4, sizeof(value));
	switch (data[0] % 10) {
	case 0:
		fake_ahci_put(&t, port, at & 0x7c, value);
		break;
	case 1:
		fake_ahci_write(&t, at & 0xffc, value);
		break;
	case 2: /* a header */
		put(fake_ahci_header_gpa(port, slot), value);
		if (at & 1)
			put(fake_ahci_header_gpa(port, slot) + 8,
			    (u32)fake_ahci_table_gpa(port, at >> 8 & 31));
		break;
	case 3: /* a word of a FIS or a packet */
		put(fake_ahci_table_gpa(port, slot) + (at & 0x4c), value);
		break;
	case 4:
		put_entry(port, slot, at, value);
		break;
	case 5:
		fake_ahci_put(&t, port, PX_SACT, at & 1 ? value : 0);
		fake_ahci_put(&t, port, PX_CI, value);
		break;
	case 6:
		rounds(at & ROUNDS_MAX);
		break;
	case 7:
		fake_ahci_start(&t, port);
		break;
	case 8: /* a command that begins right */
		put(fake_ahci_header_gpa(port, slot), 5 | 8 << 16);
		put(fake_ahci_header_gpa(port, slot) + 8,
		    (u32)fake_ahci_table_gpa(port, slot));
		put(fake_ahci_table_gpa(port, slot),
		    0x27 | 0x80 << 8 | (u32)data[2] << 16 | (u32)data[3] << 24);
		put(fake_ahci_table_gpa(port, slot) + 4,
		    (value & 0xff) | 0x40000000);
		put(fake_ahci_table_gpa(port, slot) + 12,
		    value >> 8 & 0xff ? slot << 3 : 1);
		break;
	case 9:
		load_another(at, value);
		break;
	}
}

/* Its state must save, load, and be the same afterwards. */
static void move(void)
{
	struct dev *dev = &t.ahci->pci.dev;
	struct buf saved, again;
	int err;

	buf_init(&saved, 65536);
	buf_init(&again, 65536);
	dev_quiesce(dev);
	err = dev_save(dev, &saved);
	assert(!err);
	err = dev_load(dev, dev->class->version, saved.data, saved.size);
	assert(!err);
	err = dev_save(dev, &again);
	assert(!err && saved.size == again.size &&
	       !memcmp(saved.data, again.data, saved.size));
	buf_release(&saved);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fake_ahci_begin(&t);
	for (size_t i = 0; i + STEP_BYTES <= size; i += STEP_BYTES)
		step(data + i);
	move();
	rounds(ROUNDS_MAX);
	fake_ahci_end(&t);
	return 0;
}
