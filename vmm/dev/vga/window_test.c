/* SPDX-License-Identifier: MIT */
#include "vmm/dev/vga/harness.h"

#include "base/test.h"

static struct vga_bench b;

#define AT VGA_WINDOW_GPA

/* The four planes' bytes at an address: plane 0 in the low byte. */
static u32 planes(u32 address)
{
	u32 value;

	memcpy(&value, b.vga.vram.host + 4 * address, 4);
	return value;
}

static void set_planes(u32 address, u32 value)
{
	memcpy(b.vga.vram.host + 4 * address, &value, 4);
}

static void begin(const struct vga_mode_table *mode)
{
	vga_bench_begin(&b);
	vga_set_mode(&b, mode);
}

static void gfx(u8 index, u8 value)
{
	vga_set(&b, 0x3ce, index, value);
}

/* ---- where it is ---- */

TEST(vga_the_window_has_four_places)
{
	static const struct {
		u8 misc;
		u32 first, last;
	} maps[] = {{0x01, 0xa0000, 0xbffff},
		    {0x05, 0xa0000, 0xaffff},
		    {0x09, 0xb0000, 0xb7fff},
		    {0x0d, 0xb8000, 0xbffff}};

	begin(&vga_mode_12);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		gfx(GFX_MISC, maps[i].misc);
		for (u32 gpa = 0xa0000; gpa < 0xc0000; gpa += 0x8000) {
			bool there = gpa >= maps[i].first && gpa <= maps[i].last;

			set_planes((gpa - maps[i].first) & 0xffff, 0);
			vga_poke(&b, gpa, 0x3c);
			check_eq(vga_peek(&b, gpa), there ? 0x3c : 0xff);
		}
	}
	vga_bench_end(&b);
}

TEST(vga_the_window_is_shut_without_its_bit)
{
	begin(&vga_mode_12);
	vga_out(&b, 0x3c2, MISC_COLOR, 1);
	vga_poke(&b, AT, 1);
	check_eq(planes(0), 0);
	check_eq(vga_peek(&b, AT), 0xff);
	vga_bench_end(&b);
}

TEST(an_access_may_be_wide)
{
	u64 value = 0x1122334455667788;

	begin(&vga_mode_13);
	bus_write(&b.memory, AT + 8, &value, 8);
	check_eq(vga_peek(&b, AT + 8), 0x88);
	check_eq(vga_peek(&b, AT + 15), 0x11);
	value = 0;
	bus_read(&b.memory, AT + 8, &value, 8);
	check_eq(value, 0x1122334455667788);
	vga_bench_end(&b);
}

TEST(what_is_written_is_told_where_bar_0_has_it)
{
	begin(&vga_mode_12);
	vga_poke(&b, AT + 5, 1);
	check_eq(b.written_count, 0); /* it has it nowhere */
	vga_bench_map(&b);
	vga_poke(&b, AT + 5, 1);
	check_eq(b.written_gpa, VGA_TEST_LFB + 20);
	check_eq(b.written_size, 4);
	vga_bench_end(&b);
}

/* ---- which bytes of memory ---- */

TEST(vga_chained_by_four_each_byte_is_a_planes)
{
	begin(&vga_mode_13);
	for (u32 i = 0; i < 8; i++)
		vga_poke(&b, AT + i, (u8)(0x10 + i));
	check_eq(planes(0), 0x13121110);
	check_eq(planes(1), 0x17161514);
	check_eq(vga_peek(&b, AT + 6), 0x16);
	vga_set(&b, 0x3c4, SEQ_MAP_MASK, 0x1);
	vga_poke(&b, AT + 1, 0xff);
	check_eq(planes(0), 0x13121110);
	vga_bench_end(&b);
}

TEST(vga_odd_bytes_of_text_are_in_plane_1)
{
	begin(&vga_mode_3);
	vga_poke(&b, 0xb8000, 'A');
	vga_poke(&b, 0xb8001, 0x1f);
	vga_poke(&b, 0xb8f9e, 'Z');
	check_eq(planes(0), 0x1f00 | 'A');
	check_eq(planes(0xf9e / 2), 'Z');
	check_eq(vga_peek(&b, 0xb8001), 0x1f);
	check_eq(vga_peek(&b, 0xb8f9e), 'Z');
	vga_bench_end(&b);
}

/* As a BIOS loads its font while the text mode is on. */
TEST(glyphs_are_written_to_plane_2)
{
	begin(&vga_mode_3);
	vga_set(&b, 0x3c4, SEQ_MAP_MASK, 0x04);
	vga_set(&b, 0x3c4, SEQ_MEMORY_MODE, 0x06);
	gfx(GFX_READ_MAP, 2);
	gfx(GFX_MODE, 0);
	gfx(GFX_MISC, 0x04);
	vga_poke(&b, AT + 'A' * 32 + 3, 0x66);
	check_eq(planes('A' * 32 + 3), 0x660000);
	check_eq(vga_peek(&b, AT + 'A' * 32 + 3), 0x66);
	vga_bench_end(&b);
}

TEST(the_planes_wrap_at_64_kib)
{
	begin(&vga_mode_12);
	gfx(GFX_MISC, 0x01); /* 128 KiB */
	vga_poke(&b, AT + 0x10005, 0x77);
	check_eq(planes(5), 0x77777777);
	vga_bench_end(&b);
}

/* ---- what is written ---- */

TEST(vga_write_mode_0_goes_to_the_planes_of_the_mask)
{
	begin(&vga_mode_12);
	vga_set(&b, 0x3c4, SEQ_MAP_MASK, 0x5);
	vga_poke(&b, AT, 0xab);
	check_eq(planes(0), 0x00ab00ab);
	vga_bench_end(&b);
}

TEST(vga_write_mode_0_rotates_sets_and_masks)
{
	begin(&vga_mode_12);
	gfx(GFX_ROTATE, 3);
	vga_poke(&b, AT, 0x81);
	check_eq(planes(0), 0x30303030);
	gfx(GFX_ROTATE, 0);
	gfx(GFX_SET_RESET, 0x2);
	gfx(GFX_ENABLE_SET_RESET, 0x3); /* plane 0 to zeros, plane 1 to ones */
	vga_poke(&b, AT, 0x5a);
	check_eq(planes(0), 0x5a5aff00);
	gfx(GFX_ENABLE_SET_RESET, 0);
	set_planes(0, 0x44332211);
	(void)vga_peek(&b, AT);
	gfx(GFX_BIT_MASK, 0xf0);
	vga_poke(&b, AT, 0xff);
	check_eq(planes(0), 0xf4f3f2f1);
	vga_bench_end(&b);
}

TEST(vga_a_function_joins_with_what_was_read)
{
	begin(&vga_mode_12);
	set_planes(0, 0xf00fff00);
	(void)vga_peek(&b, AT);
	gfx(GFX_ROTATE, 1 << 3);
	vga_poke(&b, AT, 0x66);
	check_eq(planes(0), 0x60066600);
	gfx(GFX_ROTATE, 2 << 3);
	vga_poke(&b, AT, 0x66);
	check_eq(planes(0), 0xf66fff66);
	gfx(GFX_ROTATE, 3 << 3);
	vga_poke(&b, AT, 0x66);
	check_eq(planes(0), 0x96699966);
	vga_bench_end(&b);
}

TEST(vga_write_mode_1_copies_what_was_read)
{
	begin(&vga_mode_12);
	set_planes(7, 0x12345678);
	gfx(GFX_MODE, 1);
	(void)vga_peek(&b, AT + 7);
	vga_poke(&b, AT + 9, 0xff);
	check_eq(planes(9), 0x12345678);
	vga_bench_end(&b);
}

TEST(vga_write_mode_2_takes_a_colour)
{
	begin(&vga_mode_12);
	set_planes(0, 0x11223344);
	(void)vga_peek(&b, AT);
	gfx(GFX_MODE, 2);
	gfx(GFX_BIT_MASK, 0x80);
	vga_poke(&b, AT, 0xa);
	check_eq(planes(0), 0x9122b344);
	vga_bench_end(&b);
}

TEST(vga_write_mode_3_takes_a_mask_for_the_set_colour)
{
	begin(&vga_mode_12);
	set_planes(0, 0);
	(void)vga_peek(&b, AT);
	gfx(GFX_MODE, 3);
	gfx(GFX_SET_RESET, 0x5);
	gfx(GFX_BIT_MASK, 0x0f);
	vga_poke(&b, AT, 0x3c);
	check_eq(planes(0), 0x000c000c);
	vga_bench_end(&b);
}

/* ---- what is read ---- */

TEST(vga_read_mode_0_is_of_one_plane)
{
	begin(&vga_mode_12);
	set_planes(3, 0x44332211);
	for (u32 plane = 0; plane < 4; plane++) {
		gfx(GFX_READ_MAP, (u8)plane);
		check_eq(vga_peek(&b, AT + 3), 0x11 * (plane + 1));
	}
	vga_bench_end(&b);
}

TEST(vga_read_mode_1_finds_a_colour)
{
	begin(&vga_mode_12);
	/* Eight pixels, from the left: 9 9 1 1 8 8 0 0 */
	set_planes(0, 0xcc0000f0);
	gfx(GFX_MODE, 8);
	gfx(GFX_COLOR_COMPARE, 9);
	check_eq(vga_peek(&b, AT), 0xc0);
	gfx(GFX_COLOR_CARE, 7); /* plane 3 does not matter */
	check_eq(vga_peek(&b, AT), 0xf0);
	gfx(GFX_COLOR_CARE, 0);
	check_eq(vga_peek(&b, AT), 0xff);
	vga_bench_end(&b);
}

/* ---- banks ---- */

TEST(bochs_vbe_the_window_shows_a_bank_of_the_frame_buffer)
{
	begin(&vga_mode_3); /* its registers do not matter then */
	vga_set_size(&b, 640, 480, 8);
	vga_set_dispi(&b, DISPI_BANK, 2);
	vga_poke(&b, AT + 0x1234, 0x5a);
	check_eq(b.vga.vram.host[0x21234], 0x5a);
	check_eq(vga_peek(&b, AT + 0x1234), 0x5a);
	check_eq(vga_peek(&b, AT + 0x10000), 0xff);
	vga_set_dispi(&b, DISPI_BANK, 0xffff);
	check_eq(vga_get_dispi(&b, DISPI_BANK), 255);
	vga_poke(&b, AT + 0xffff, 0x77);
	check_eq(b.vga.vram.host[VGA_VRAM_BYTES - 1], 0x77);
	vga_bench_end(&b);
}

TEST(banks_of_planes_have_four_times_the_bytes)
{
	begin(&vga_mode_12);
	vga_set_size(&b, 800, 600, 4);
	vga_set_dispi(&b, DISPI_BANK, 1);
	vga_poke(&b, AT + 3, 0x5a);
	check_eq(planes(0x10003), 0x5a5a5a5a);
	vga_set_dispi(&b, DISPI_ENABLE, 0);
	check_eq(vga_get_dispi(&b, DISPI_BANK), 0);
	vga_bench_end(&b);
}
