/* SPDX-License-Identifier: MIT */
/* Any accesses to ports, registers in memory, the window and VRAM, and pictures. */
#include <assert.h>
#include <string.h>

#include "vmm/dev/vga/harness.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* So that a case of large pictures does not take seconds. */
#define DRAWS_MAX 2

static void save_and_load(struct vga_bench *b)
{
	struct buf saved, again;

	buf_init(&saved, 65536);
	buf_init(&again, 65536);
	if (!dev_save(&b->vga.pci.dev, &saved)) {
		int err = dev_load(&b->vga.pci.dev, 1, saved.data, saved.size);

		assert(!err);
		err = dev_save(&b->vga.pci.dev, &again);
		assert(err || (saved.size == again.size &&
			       !memcmp(saved.data, again.data, saved.size)));
	}
	buf_release(&saved);
	buf_release(&again);
}

/* A step is a byte that says what, two that say where, one of value. */
static void step(struct vga_bench *b, const u8 *data, u32 *draws)
{
	u32 where = data[1] | (u32)data[2] << 8, width = 1u << (data[0] >> 6);
	u64 value = data[3] * 0x0101010101010101ull;

	switch (data[0] & 7) {
	case 0:
		vga_out(b, (u16)(0x3b0 + where % 0x30), data[3] | data[2] << 8,
			2);
		break;
	case 1:
		(void)vga_in(b, (u16)(0x3b0 + where % 0x30), 1);
		break;
	case 2:
		vga_set_dispi(b, data[3] % 16, (u16)where);
		break;
	case 3:
		bus_write(&b->memory, VGA_WINDOW_GPA + 2 * where, &value, width);
		break;
	case 4:
		bus_read(&b->memory, VGA_WINDOW_GPA + 2 * where, &value, width);
		break;
	case 5:
		pci_memory_write(&b->pci, VGA_TEST_MMIO + where % 4096, &value,
				 width);
		break;
	case 6:
		b->vga.vram.host[where * 256 % VGA_VRAM_BYTES] = data[3];
		break;
	default:
		if ((*draws)++ < DRAWS_MAX)
			display_refresh(&b->vga.display);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct vga_mode_table *const modes[] = {
		&vga_mode_3,  &vga_mode_4,  &vga_mode_6, &vga_mode_d,
		&vga_mode_12, &vga_mode_13, &vga_mode_x};
	static struct vga_bench b;
	u32 draws = 0;

	if (!size)
		return 0;
	vga_bench_begin(&b);
	vga_bench_map(&b);
	if (data[0] < ARRAY_SIZE(modes))
		vga_set_mode(&b, modes[data[0]]);
	for (size_t i = 1; i + 3 < size; i += 4)
		step(&b, data + i, &draws);
	display_refresh(&b.vga.display);
	save_and_load(&b);
	vga_bench_end(&b);
	return 0;
}
