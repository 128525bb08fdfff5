/* SPDX-License-Identifier: MIT */
#include "vmm/dev/vga/harness.h"

#include <errno.h>

#include "base/harness_fault.h"
#include "base/test.h"

#define BDF (VGA_TEST_SLOT * 8)

static struct vga_bench b;

static u32 config(u32 offset)
{
	return pci_config_read(&b.pci, BDF, offset, 4);
}

static void config_put(u32 offset, u32 value)
{
	pci_config_write(&b.pci, BDF, offset, value, 4);
}

static u32 mmio(u32 offset, u32 size)
{
	u32 value = 0;

	pci_memory_read(&b.pci, VGA_TEST_MMIO + offset, &value, size);
	return value;
}

static void mmio_put(u32 offset, u32 value, u32 size)
{
	pci_memory_write(&b.pci, VGA_TEST_MMIO + offset, &value, size);
}

/* ---- the function ---- */

TEST(stdvga_drivers_know_it_by_its_numbers_and_bars)
{
	vga_bench_begin(&b);
	check_eq(config(PCI_VENDOR), 0x11111234);
	check_eq(config(PCI_REVISION), 0x03000000); /* no extended registers */
	config_put(PCI_BAR0, UINT32_MAX);
	check_eq(config(PCI_BAR0), 0xff000008);
	config_put(PCI_BAR0 + 4, UINT32_MAX);
	check_eq(config(PCI_BAR0 + 4), 0);
	config_put(PCI_BAR0 + 8, UINT32_MAX);
	check_eq(config(PCI_BAR0 + 8), 0xfffff000);
	config_put(PCI_ROM_BASE, UINT32_MAX);
	check_eq(config(PCI_ROM_BASE), 0xfffff001);
	vga_bench_end(&b);
}

TEST(the_frame_buffer_and_the_rom_are_guest_memory)
{
	vga_bench_begin(&b);
	vga_bench_map(&b);
	check_eq(b.ram_gpa[0], VGA_TEST_LFB);
	check_eq(b.ram_gpa[1], VGA_TEST_ROM);
	check(b.vga.rom.read_only && !b.vga.vram.read_only);
	check(b.vga.rom.host == b.code);
	vga_bench_end(&b);
	check_eq(b.ram_gpa[0], PCI_RAM_NOWHERE);
	check_eq(b.ram_gpa[1], PCI_RAM_NOWHERE);
}

#define ELSEWHERE (VGA_TEST_LFB + VGA_VRAM_BYTES * 4)

static void move_frame_buffer(void *ctx)
{
	(void)ctx;
	for (u32 i = 0; i < 1000; i++)
		config_put(PCI_BAR0, i % 2 ? ELSEWHERE : VGA_TEST_LFB);
}

/* As one vCPU does the one and another the other. */
TEST(the_window_is_written_while_the_frame_buffer_moves)
{
	struct thread mover;
	u64 value;

	vga_bench_begin(&b);
	vga_bench_map(&b);
	vga_set_mode(&b, &vga_mode_12);
	vga_poke(&b, VGA_WINDOW_GPA, 0);
	check_eq(thread_start(&mover, "mover", move_frame_buffer, NULL), 0);
	for (u32 i = 0; i < 1000; i++) {
		vga_poke(&b, VGA_WINDOW_GPA, (u8)i);
		check(b.written_gpa == VGA_TEST_LFB ||
		      b.written_gpa == ELSEWHERE);
		pci_memory_read(&b.pci, VGA_TEST_LFB, &value, 8);
	}
	thread_join(&mover);
	vga_poke(&b, VGA_WINDOW_GPA, 1);
	check_eq(b.written_gpa, ELSEWHERE);
	vga_bench_end(&b);
}

TEST(without_a_rom_there_is_no_bar_for_it)
{
	struct vga *vga = malloc(sizeof(*vga));

	check(vga != NULL);
	vga_bench_begin(&b);
	check_eq(vga_init(vga, &(struct vga_config){.mem = &b.mem,
						    .host = &b.host.host}),
		 0);
	check_eq(pci_plug(&b.pci, &vga->pci, 9), 0);
	pci_config_write(&b.pci, 9 * 8, PCI_ROM_BASE, UINT32_MAX, 4);
	check_eq(pci_config_read(&b.pci, 9 * 8, PCI_ROM_BASE, 4), 0);
	dev_release(&vga->pci.dev);
	free(vga);
	vga_bench_end(&b);
}

TEST(without_memory_there_is_no_vga_and_no_leak)
{
	struct vga *vga = malloc(sizeof(*vga));
	int err;

	check(vga != NULL);
	vga_bench_begin(&b);
	for (u32 n = 1;; n++) {
		alloc_fail_at(n);
		err = vga_init(vga, &(struct vga_config){.mem = &b.mem,
							 .host = &b.host.host});
		alloc_fail_off();
		dev_release(&vga->pci.dev);
		if (!err)
			break;
		check_eq(err, -ENOMEM);
		check(n < 10);
	}
	free(vga);
	vga_bench_end(&b);
}

/* ---- registers ---- */

TEST(vga_an_index_and_its_value_go_in_one_access)
{
	vga_bench_begin(&b);
	vga_set(&b, 0x3c4, SEQ_MAP_MASK, 0xff);
	check_eq(vga_in(&b, 0x3c4, 2), 0x0f02); /* four planes */
	vga_set(&b, 0x3ce, GFX_BIT_MASK, 0xa5);
	check_eq(vga_get(&b, 0x3ce, GFX_BIT_MASK), 0xa5);
	vga_set(&b, 0x3ce, GFX_MODE, 0xff);
	check_eq(vga_get(&b, 0x3ce, GFX_MODE), 0x7b);
	vga_bench_end(&b);
}

TEST(an_index_without_a_register_reads_as_zero_and_keeps_nothing)
{
	static const u16 ports[] = {0x3c4, 0x3ce, 0x3d4};

	vga_bench_begin(&b);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		for (u32 index = 0; index < 256; index++) {
			vga_set(&b, ports[i], (u8)index, 0xff);
			if (index >= VGA_CRTC_COUNT)
				check_eq(vga_get(&b, ports[i], (u8)index), 0);
			check_eq(vga_in(&b, ports[i], 1), index);
		}
	for (u32 index = VGA_ATTR_COUNT; index < 32; index++) {
		vga_set_attr(&b, (u8)index, 0xff);
		check_eq(vga_in(&b, 0x3c1, 1), 0);
	}
	vga_bench_end(&b);
}

TEST(vga_the_crtc_is_at_3d0_in_colour_and_at_3b0_without)
{
	vga_bench_begin(&b);
	vga_out(&b, 0x3c2, 0, 1);
	vga_set(&b, 0x3b4, CRTC_OFFSET, 0x50);
	check_eq(vga_get(&b, 0x3b4, CRTC_OFFSET), 0x50);
	check_eq(vga_in(&b, 0x3d4, 1), 0xff);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	check_eq(vga_in(&b, 0x3cc, 1), MISC_COLOR);
	check_eq(vga_in(&b, 0x3b4, 1), 0xff);
	check_eq(vga_in(&b, 0x3d5, 1), 0x50);
	vga_set(&b, 0x3b4, CRTC_OFFSET, 0x51);
	check_eq(vga_get(&b, 0x3d4, CRTC_OFFSET), 0x50);
	vga_out(&b, 0x3da, 0x5a, 1);
	check_eq(vga_in(&b, 0x3ca, 1), 0x5a);
	vga_bench_end(&b);
}

TEST(vga_the_first_eight_of_the_crtc_can_be_locked)
{
	vga_bench_begin(&b);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	vga_set(&b, 0x3d4, CRTC_RETRACE_END, 0x80);
	vga_set(&b, 0x3d4, CRTC_COLUMNS, 0x4f);
	vga_set(&b, 0x3d4, CRTC_OVERFLOW, 0xff);
	vga_set(&b, 0x3d4, CRTC_OFFSET, 0x28);
	check_eq(vga_get(&b, 0x3d4, CRTC_COLUMNS), 0);
	check_eq(vga_get(&b, 0x3d4, CRTC_OVERFLOW), OVERFLOW_COMPARE_8);
	check_eq(vga_get(&b, 0x3d4, CRTC_OFFSET), 0x28);
	vga_set(&b, 0x3d4, CRTC_RETRACE_END, 0);
	vga_set(&b, 0x3d4, CRTC_COLUMNS, 0x4f);
	check_eq(vga_get(&b, 0x3d4, CRTC_COLUMNS), 0x4f);
	vga_bench_end(&b);
}

TEST(vga_one_port_takes_attributes_index_and_value_in_turn)
{
	vga_bench_begin(&b);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	vga_out(&b, 0x3c0, 0x05, 1);
	vga_out(&b, 0x3c0, 0xff, 1);
	check_eq(vga_in(&b, 0x3c0, 1), 0x05);
	check_eq(vga_in(&b, 0x3c1, 1), 0x3f);
	vga_out(&b, 0x3c0, 0x06, 1); /* an index again */
	check_eq(vga_in(&b, 0x3da, 1) & 0xf6, 0);
	vga_out(&b, 0x3c0, 0x20 | ATTR_MODE, 1); /* an index once more */
	vga_out(&b, 0x3c0, 0xff, 1);
	check_eq(vga_in(&b, 0x3c1, 1), 0xef);
	vga_bench_end(&b);
}

TEST(vga_a_colour_is_taken_with_its_third_part)
{
	vga_bench_begin(&b);
	vga_set_palette(&b, 7, 1, 2, 3);
	vga_out(&b, 0x3c8, 7, 1);
	check_eq(vga_in(&b, 0x3c7, 1), 0);
	vga_out(&b, 0x3c9, 0xff, 1);
	vga_out(&b, 0x3c9, 0xff, 1);
	vga_out(&b, 0x3c7, 7, 1);
	check_eq(vga_in(&b, 0x3c7, 1), 3);
	check_eq(vga_in(&b, 0x3c9, 1), 1);
	check_eq(vga_in(&b, 0x3c9, 1), 2);
	check_eq(vga_in(&b, 0x3c9, 1), 3);
	check_eq(vga_in(&b, 0x3c8, 1), 8); /* the next one */
	vga_set_palette(&b, 255, 0xff, 0xff, 0xff);
	check_eq(vga_in(&b, 0x3c8, 1), 0);
	vga_out(&b, 0x3c7, 255, 1);
	check_eq(vga_in(&b, 0x3c9, 1), 0x3f);
	vga_out(&b, 0x3c6, 0x0f, 1);
	check_eq(vga_in(&b, 0x3c6, 1), 0x0f);
	vga_bench_end(&b);
}

TEST(the_retrace_comes_and_goes_with_the_clock)
{
	u32 retraces = 0, gaps = 0, last = 0, status;

	vga_bench_begin(&b);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	for (u32 us = 0; us < 1000000; us += 5) {
		b.host.now_ns = us * (u64)1000;
		status = vga_in(&b, 0x3da, 1);
		check(!(status & 8) || status & 1);
		retraces += (status & 8) > (last & 8);
		gaps += (status & 1) > (last & 1);
		last = status;
	}
	check_eq(retraces, 70);
	check(gaps > 27000 && gaps < 29000); /* 400 lines, 70 times */
	vga_bench_end(&b);
}

TEST(stdvga_both_sets_of_registers_are_in_bar_2_again)
{
	vga_bench_begin(&b);
	vga_bench_map(&b);
	mmio_put(0x402, MISC_COLOR, 1); /* port 0x3c2 */
	check_eq(vga_in(&b, 0x3cc, 1), MISC_COLOR);
	mmio_put(0x414, CRTC_OFFSET | 0x3300, 2);
	check_eq(vga_get(&b, 0x3d4, CRTC_OFFSET), 0x33);
	mmio_put(0x500 + 2 * DISPI_XRES, 800, 2);
	check_eq(vga_get_dispi(&b, DISPI_XRES), 800);
	check_eq(mmio(0x500, 2), 0xb0c5);
	check_eq(mmio(0x500 + 2 * DISPI_MEMORY_64K, 2), 256);
	check_eq(mmio(0x500, 1), 0xff); /* words only */
	check_eq(mmio(0x600, 4), UINT32_MAX);
	vga_bench_end(&b);
}

/* ---- state ---- */

static void set_everything(void)
{
	vga_bench_map(&b);
	vga_set_mode(&b, &vga_mode_12);
	vga_put_plane(&b, 2, 0, 0x5a);
	(void)vga_peek(&b, VGA_WINDOW_GPA); /* the latch */
	vga_out(&b, 0x3c8, 9, 1);
	vga_out(&b, 0x3c9, 9, 1);
	vga_out(&b, 0x3da, 3, 1);
	vga_set_size(&b, 800, 600, 16);
	vga_set_dispi(&b, DISPI_VIRT_WIDTH, 1000);
	vga_set_dispi(&b, DISPI_X_OFFSET, 50);
	vga_set_dispi(&b, DISPI_BANK, 3);
	vga_out(&b, 0x3c0, ATTR_INDEX_SCREEN_ON | 4, 1);
}

TEST(state_is_saved_and_restored)
{
	struct buf saved, again;

	vga_bench_begin(&b);
	set_everything();
	buf_init(&saved, 65536);
	buf_init(&again, 65536);
	check_eq(dev_save(&b.vga.pci.dev, &saved), 0);
	vga_bench_end(&b);
	vga_bench_begin(&b);
	check_eq(dev_load(&b.vga.pci.dev, 1, saved.data, saved.size), 0);
	check_eq(dev_save(&b.vga.pci.dev, &again), 0);
	check_eq(saved.size, again.size);
	check_mem_eq(saved.data, again.data, saved.size);
	check_eq(b.ram_gpa[0], VGA_TEST_LFB);
	check_eq(b.vga.regs.latch & 0xff0000, 0x5a0000);
	check_eq(vga_get_dispi(&b, DISPI_X_OFFSET), 50);
	display_refresh(&b.vga.display);
	check_eq(b.vga.display.width, 800);
	buf_release(&saved);
	buf_release(&again);
	vga_bench_end(&b);
}

/* Registers as no guest could have left them: made what could be, or refused. */
TEST(a_state_that_cannot_be_does_no_harm)
{
	struct buf saved;

	vga_bench_begin(&b);
	set_everything();
	buf_init(&saved, 65536);
	memset(b.vga.regs.dispi, 0xff, sizeof(b.vga.regs.dispi));
	b.vga.regs.seq_index = b.vga.regs.crtc_index = 0xff;
	b.vga.regs.attr_index = b.vga.regs.gfx_index = 0xff;
	memset(b.vga.regs.gfx, 0xff, sizeof(b.vga.regs.gfx));
	memset(b.vga.regs.attr, 0xff, sizeof(b.vga.regs.attr));
	check_eq(dev_save(&b.vga.pci.dev, &saved), 0);
	check_eq(dev_load(&b.vga.pci.dev, 1, saved.data, saved.size), 0);
	display_refresh(&b.vga.display);
	check_eq(b.vga.display.width, DISPLAY_WIDTH_MAX);
	vga_set(&b, 0x3c4, 0xff, 0xff);
	vga_out(&b, 0x3ce, GFX_READ_MAP, 1);
	check_eq(vga_in(&b, 0x3cf, 1), 3);
	(void)vga_peek(&b, VGA_WINDOW_GPA);
	buf_truncate(&saved);
	b.vga.regs.dac_part = 3;
	check_eq(dev_save(&b.vga.pci.dev, &saved), 0);
	check_eq(dev_load(&b.vga.pci.dev, 1, saved.data, saved.size), -EINVAL);
	check_eq(b.vga.regs.dac_part, 0);
	buf_release(&saved);
	vga_bench_end(&b);
}

TEST(a_reset_leaves_a_black_screen_and_memory_as_it_is)
{
	vga_bench_begin(&b);
	set_everything();
	b.vga.vram.host[12345] = 77;
	dev_reset(&b.vga.pci.dev);
	check_eq(b.ram_gpa[0], PCI_RAM_NOWHERE);
	check_eq(b.vga.vram.host[12345], 77);
	check_eq(vga_get_dispi(&b, DISPI_ENABLE), 0);
	check_eq(vga_in(&b, 0x3cc, 1), 0);
	check_eq(vga_in(&b, 0x3c6, 1), 0xff);
	display_refresh(&b.vga.display);
	check_eq(vga_pixel(&b, 0, 0), 0);
	vga_bench_end(&b);
}
