/* SPDX-License-Identifier: MIT */
#include "vmm/dev/vga/harness.h"

#include "base/test.h"

static struct vga_bench b;

TEST(bochs_vbe_a_driver_finds_version_5_and_16_mib)
{
	vga_bench_begin(&b);
	check_eq(vga_get_dispi(&b, DISPI_ID), 0xb0c5);
	check_eq(vga_get_dispi(&b, DISPI_MEMORY_64K), 256);
	check_eq(vga_in(&b, 0x1ce, 2), DISPI_MEMORY_64K);
	vga_set_dispi(&b, DISPI_ID, 0xb0c2);
	check_eq(vga_get_dispi(&b, DISPI_ID), 0xb0c2);
	vga_set_dispi(&b, DISPI_ID, 0x1234);
	check_eq(vga_get_dispi(&b, DISPI_ID), 0xb0c2);
	vga_bench_end(&b);
}

TEST(the_data_port_answers_at_1cf_and_at_1d0)
{
	vga_bench_begin(&b);
	vga_set_dispi(&b, DISPI_XRES, 1024);
	check_eq(vga_in(&b, 0x1d0, 2), 1024);
	vga_out(&b, 0x1d0, 800, 2);
	check_eq(vga_in(&b, 0x1cf, 2), 800);
	vga_bench_end(&b);
}

TEST(an_index_that_is_none_reads_as_zero)
{
	vga_bench_begin(&b);
	vga_set_dispi(&b, VGA_DISPI_COUNT, 0xffff);
	check_eq(vga_get_dispi(&b, VGA_DISPI_COUNT), 0);
	vga_set_dispi(&b, 0xffff, 0xffff);
	check_eq(vga_get_dispi(&b, 0xffff), 0);
	vga_bench_end(&b);
}

TEST(bochs_vbe_limits_are_told_when_asked_for)
{
	vga_bench_begin(&b);
	vga_set_dispi(&b, DISPI_XRES, 640);
	vga_set_dispi(&b, DISPI_ENABLE, DISPI_GETCAPS);
	check_eq(vga_get_dispi(&b, DISPI_XRES), DISPLAY_WIDTH_MAX);
	check_eq(vga_get_dispi(&b, DISPI_YRES), DISPLAY_HEIGHT_MAX);
	check_eq(vga_get_dispi(&b, DISPI_BPP), 32);
	vga_set_dispi(&b, DISPI_ENABLE, 0);
	check_eq(vga_get_dispi(&b, DISPI_XRES), 640);
	vga_bench_end(&b);
}

TEST(a_mode_begins_at_the_upper_left_and_black)
{
	vga_bench_begin(&b);
	vga_bench_map(&b);
	memset(b.vga.vram.host, 0xaa, VGA_VRAM_BYTES);
	vga_set_dispi(&b, DISPI_X_OFFSET, 5);
	vga_set_dispi(&b, DISPI_VIRT_WIDTH, 4000);
	vga_set_size(&b, 1024, 768, 32);
	check_eq(vga_get_dispi(&b, DISPI_X_OFFSET), 0);
	check_eq(vga_get_dispi(&b, DISPI_VIRT_WIDTH), 1024);
	check_eq(vga_get_dispi(&b, DISPI_VIRT_HEIGHT), 4096);
	check_eq(b.vga.vram.host[0], 0);
	check_eq(b.vga.vram.host[1024 * 768 * 4 - 1], 0);
	check_eq(b.vga.vram.host[1024 * 768 * 4], 0xaa);
	check_eq(b.written_gpa, VGA_TEST_LFB);
	check_eq(b.written_size, 1024 * 768 * 4);
	vga_bench_end(&b);
}

TEST(bochs_vbe_memory_is_not_cleared_where_the_bit_says_so)
{
	vga_bench_begin(&b);
	b.vga.vram.host[0] = 0xaa;
	vga_set_dispi(&b, DISPI_XRES, 640);
	vga_set_dispi(&b, DISPI_YRES, 480);
	vga_set_dispi(&b, DISPI_ENABLE, DISPI_ENABLED | DISPI_NOT_CLEAR);
	check_eq(b.vga.vram.host[0], 0xaa);
	/* It is on already: that is no new mode. */
	vga_set_dispi(&b, DISPI_ENABLE, DISPI_ENABLED);
	check_eq(b.vga.vram.host[0], 0xaa);
	vga_bench_end(&b);
}

TEST(the_picture_can_be_moved_within_a_wider_one)
{
	vga_bench_begin(&b);
	vga_set_size(&b, 800, 600, 32);
	vga_set_dispi(&b, DISPI_VIRT_WIDTH, 1000);
	check_eq(vga_get_dispi(&b, DISPI_VIRT_HEIGHT), 16 * MiB / 4000);
	vga_set_dispi(&b, DISPI_X_OFFSET, 150);
	vga_set_dispi(&b, DISPI_Y_OFFSET, 1000);
	check_eq(vga_get_dispi(&b, DISPI_X_OFFSET), 150);
	check_eq(vga_get_dispi(&b, DISPI_Y_OFFSET), 1000);
	vga_set_dispi(&b, DISPI_X_OFFSET, 201); /* one too far */
	check_eq(vga_get_dispi(&b, DISPI_X_OFFSET), 200);
	vga_set_dispi(&b, DISPI_Y_OFFSET, 0xffff);
	check_eq(vga_get_dispi(&b, DISPI_Y_OFFSET), 16 * MiB / 4000 - 600);
	vga_bench_end(&b);
}

TEST(no_geometry_leads_out_of_memory)
{
	static const u16 numbers[] = {0,    1,	  7,	8,	640,
				      1366, 4095, 4096, 0x7fff, 0xffff};
	static const u16 depths[] = {0, 4, 8, 15, 16, 24, 32, 33, 0xffff};

	vga_bench_begin(&b);
	for (u32 i = 0; i < 9000; i++) {
		const struct vga_regs *regs = &b.vga.regs;
		u64 end, bytes;

		vga_set_size(&b, numbers[i % 10], numbers[i / 10 % 10],
			     depths[i / 100 % 9]);
		vga_set_dispi(&b, DISPI_VIRT_WIDTH, numbers[i / 900]);
		vga_set_dispi(&b, DISPI_X_OFFSET, numbers[i % 7]);
		vga_set_dispi(&b, DISPI_Y_OFFSET, numbers[i % 9]);
		bytes = (regs->dispi[DISPI_BPP] + 7u) / 8;
		if (regs->dispi[DISPI_BPP] == 4)
			check_eq(regs->dispi[DISPI_XRES] % 8, 0);
		end = (u64)vga_dispi_stride(regs) *
			      (regs->dispi[DISPI_Y_OFFSET] +
			       regs->dispi[DISPI_YRES] - 1u) +
		      (regs->dispi[DISPI_X_OFFSET] + regs->dispi[DISPI_XRES]) *
			      bytes / (regs->dispi[DISPI_BPP] == 4 ? 2 : 1);
		check(regs->dispi[DISPI_XRES] && regs->dispi[DISPI_YRES]);
		check(end <= VGA_VRAM_BYTES);
		check((u64)regs->dispi[DISPI_XRES] * regs->dispi[DISPI_YRES] <=
		      DISPLAY_BYTES_MAX / 4);
	}
	vga_bench_end(&b);
}

TEST(a_width_need_not_be_a_multiple_of_eight)
{
	vga_bench_begin(&b);
	vga_set_size(&b, 1366, 768, 32);
	check_eq(vga_get_dispi(&b, DISPI_XRES), 1366);
	vga_set_size(&b, 1366, 768, 4); /* but in planes */
	check_eq(vga_get_dispi(&b, DISPI_XRES), 1360);
	vga_bench_end(&b);
}

TEST(the_dac_has_eight_bits_where_dispi_says_so)
{
	vga_bench_begin(&b);
	vga_set_dispi(&b, DISPI_ENABLE, DISPI_8BIT_DAC);
	vga_set_palette(&b, 1, 0xfe, 0x80, 0x01);
	vga_out(&b, 0x3c7, 1, 1);
	check_eq(vga_in(&b, 0x3c9, 1), 0xfe);
	check_eq(vga_in(&b, 0x3c9, 1), 0x80);
	vga_bench_end(&b);
}
