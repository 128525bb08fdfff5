/* SPDX-License-Identifier: MIT */
#include "vmm/dev/vga/harness.h"

#include "base/test.h"

static struct vga_bench b;

static void begin(const struct vga_mode_table *mode)
{
	vga_bench_begin(&b);
	vga_set_mode(&b, mode);
}

static void crtc(u8 index, u8 value)
{
	vga_set(&b, 0x3d4, CRTC_RETRACE_END, 0);
	vga_set(&b, 0x3d4, index, value);
}

/* What an attribute of four bits shows in the modes' palette. */
static u32 color(u32 index)
{
	return vga_rgb_of(b.vga.regs.attr[index]);
}

static u32 pixel(u32 x, u32 y)
{
	return vga_pixel(&b, x, y);
}

static void check_size(u32 width, u32 height)
{
	display_refresh(&b.vga.display);
	check_eq(b.vga.display.width, width);
	check_eq(b.vga.display.height, height);
}

static void put_cell(u32 at, u8 character, u8 attribute)
{
	vga_put_plane(&b, 0, at, character);
	vga_put_plane(&b, 1, at, attribute);
}

static void put_glyph(u32 font, u8 character, u32 row, u8 bits)
{
	vga_put_plane(&b, 2, font + character * 32u + row, bits);
}

/* ---- text ---- */

TEST(vga_text_is_720_by_400_with_nine_dots_a_character)
{
	begin(&vga_mode_3);
	put_glyph(0, 'A', 2, 0x81);
	put_cell(81, 'A', 0x1e); /* second row, second column */
	check_size(720, 400);
	check_eq(pixel(9, 16 + 2), color(14));
	check_eq(pixel(10, 16 + 2), color(1));
	check_eq(pixel(16, 16 + 2), color(14));
	check_eq(pixel(17, 16 + 2), color(1)); /* the gap */
	check_eq(pixel(18, 16 + 2), color(0));
	check_eq(pixel(9, 16 + 1), color(1));
	check_eq(pixel(8, 16 + 2), color(0));
	vga_bench_end(&b);
}

TEST(vga_line_graphics_go_on_into_the_ninth_dot)
{
	begin(&vga_mode_3);
	crtc(CRTC_CURSOR_START, CURSOR_OFF);
	put_glyph(0, 0xc4, 0, 0x01);
	put_glyph(0, 0xe4, 0, 0x01);
	put_cell(0, 0xc4, 7);
	put_cell(1, 0xe4, 7);
	check_size(720, 400);
	check_eq(pixel(8, 0), color(7));
	check_eq(pixel(17, 0), color(0));
	vga_set_attr(&b, ATTR_MODE, 0x08);
	check_size(720, 400);
	check_eq(pixel(8, 0), color(0));
	vga_bench_end(&b);
}

TEST(vga_text_may_have_eight_dots_or_forty_columns)
{
	begin(&vga_mode_3);
	put_glyph(0, 'A', 0, 0x40);
	put_cell(1, 'A', 7);
	vga_set(&b, 0x3c4, SEQ_CLOCKING, CLOCKING_8_DOTS);
	check_size(640, 400);
	check_eq(pixel(9, 0), color(7));
	check_eq(pixel(8, 0), color(0));
	vga_set(&b, 0x3c4, SEQ_CLOCKING, CLOCKING_8_DOTS | CLOCKING_DOUBLED);
	crtc(CRTC_COLUMNS, 39);
	check_size(640, 400);
	check_eq(pixel(17, 0), color(0));
	check_eq(pixel(18, 0), color(7));
	check_eq(pixel(19, 0), color(7));
	check_eq(pixel(20, 0), color(0));
	vga_bench_end(&b);
}

TEST(bit_7_of_an_attribute_is_a_bright_background_where_nothing_blinks)
{
	begin(&vga_mode_3);
	put_cell(0, ' ', 0x9f);
	check_size(720, 400);
	check_eq(pixel(0, 0), color(1));
	vga_set_attr(&b, ATTR_MODE, 0x04);
	check_size(720, 400);
	check_eq(pixel(0, 0), color(9));
	vga_bench_end(&b);
}

TEST(vga_attribute_bit_3_chooses_between_two_fonts)
{
	begin(&vga_mode_3);
	/* Font 0x2000 for bit 3 (map 4), 0x4000 without (map 1) */
	vga_set(&b, 0x3c4, SEQ_CHARACTER_MAP, 0x21);
	put_glyph(0x2000, 'A', 0, 0x80);
	put_glyph(0x4000, 'A', 0, 0x40);
	put_cell(1, 'A', 0x0f);
	put_cell(2, 'A', 0x07);
	check_size(720, 400);
	check_eq(pixel(9, 0), color(15));
	check_eq(pixel(10, 0), color(0));
	check_eq(pixel(18, 0), color(0));
	check_eq(pixel(19, 0), color(7));
	vga_bench_end(&b);
}

TEST(vga_the_cursor_is_where_the_crtc_says)
{
	begin(&vga_mode_3);
	put_cell(82, ' ', 0x07);
	crtc(CRTC_CURSOR_LOW, 82);
	check_size(720, 400);
	check_eq(pixel(18, 16 + 12), color(0));
	check_eq(pixel(18, 16 + 13), color(7));
	check_eq(pixel(26, 16 + 14), color(7));
	check_eq(pixel(27, 16 + 14), color(0));
	check_eq(pixel(18, 16 + 15), color(0));
	crtc(CRTC_CURSOR_START, 0x0d | CURSOR_OFF);
	check_size(720, 400);
	check_eq(pixel(18, 16 + 13), color(0));
	vga_bench_end(&b);
}

TEST(vga_an_attribute_of_monochrome_is_underlined)
{
	begin(&vga_mode_3);
	crtc(CRTC_UNDERLINE, 12);
	put_cell(5, ' ', 0x01);
	put_cell(6, ' ', 0x02);
	check_size(720, 400);
	check_eq(pixel(45, 12), color(1));
	check_eq(pixel(45, 11), color(0));
	check_eq(pixel(54, 12), color(0));
	vga_bench_end(&b);
}

TEST(vga_the_start_address_scrolls)
{
	begin(&vga_mode_3);
	put_cell(80 * 30, ' ', 0x20);
	crtc(CRTC_START_LOW, (80 * 30) & 0xff);
	crtc(CRTC_START_HIGH, (80 * 30) >> 8);
	check_size(720, 400);
	check_eq(pixel(0, 0), color(2));
	check_eq(pixel(0, 16), color(0));
	vga_bench_end(&b);
}

TEST(vga_text_scrolls_by_lines_and_dots)
{
	begin(&vga_mode_3);
	put_cell(80, ' ', 0x20);
	put_cell(161, ' ', 0x40);
	crtc(CRTC_PRESET_ROW, 5);
	vga_set_attr(&b, ATTR_PANNING, 2); /* of nine dots: three */
	check_size(720, 400);
	check_eq(pixel(0, 10), color(0));
	check_eq(pixel(0, 11), color(2));
	check_eq(pixel(5, 11), color(2));
	check_eq(pixel(6, 11), color(0));
	check_eq(pixel(6, 27), color(4));
	crtc(CRTC_PRESET_ROW, 0x20); /* a character */
	vga_set_attr(&b, ATTR_PANNING, 8);
	check_size(720, 400);
	check_eq(pixel(0, 32), color(4));
	vga_bench_end(&b);
}

TEST(vga_below_the_split_memory_begins_anew)
{
	begin(&vga_mode_3);
	put_cell(0, ' ', 0x20);
	put_cell(800, ' ', 0x40);
	crtc(CRTC_START_HIGH, 800 >> 8);
	crtc(CRTC_START_LOW, 800 & 0xff);
	crtc(CRTC_LINE_COMPARE, 99);
	crtc(CRTC_OVERFLOW, 0x0f);
	crtc(CRTC_MAX_SCAN, 0x0f);
	vga_set_attr(&b, ATTR_PANNING, 3);
	vga_set_attr(&b, ATTR_MODE, ATTR_MODE_PAN_UPPER);
	check_size(720, 400);
	check_eq(pixel(0, 0), color(4));
	check_eq(pixel(5, 0), color(0));
	check_eq(pixel(0, 99), color(0));
	check_eq(pixel(0, 100), color(2));
	check_eq(pixel(8, 100), color(2));
	check_eq(pixel(0, 115), color(2));
	check_eq(pixel(0, 116), color(0));
	vga_bench_end(&b);
}

/* ---- graphics of IBM's ---- */

TEST(vga_mode_12_has_four_planes)
{
	begin(&vga_mode_12);
	for (u32 plane = 0; plane < 4; plane++)
		vga_put_plane(&b, plane, 80 * 3 + 2, (u8)(0x88 >> plane));
	vga_put_plane(&b, 0, 80 * 3 + 3, 0x80);
	vga_put_plane(&b, 3, 80 * 3 + 3, 0x80);
	check_size(640, 480);
	check_eq(pixel(16, 3), color(1));
	check_eq(pixel(17, 3), color(2));
	check_eq(pixel(18, 3), color(4));
	check_eq(pixel(19, 3), color(8));
	check_eq(pixel(20, 3), color(1));
	check_eq(pixel(24, 3), color(9));
	check_eq(pixel(25, 3), color(0));
	check_eq(pixel(16, 2), color(0));
	vga_bench_end(&b);
}

TEST(vga_a_plane_can_be_left_out)
{
	begin(&vga_mode_12);
	vga_put_plane(&b, 0, 0, 0x80);
	vga_put_plane(&b, 3, 0, 0x80);
	vga_set_attr(&b, ATTR_PLANES, 0x7);
	check_size(640, 480);
	check_eq(pixel(0, 0), color(1));
	vga_bench_end(&b);
}

TEST(vga_the_select_register_gives_the_high_bits_of_a_colour)
{
	begin(&vga_mode_12);
	vga_set_attr(&b, ATTR_COLOR_SELECT, 0x0e);
	check_size(640, 480);
	check_eq(pixel(0, 0), vga_rgb_of(0xc0));
	vga_set_attr(&b, ATTR_MODE, 0x81);
	check_size(640, 480);
	check_eq(pixel(0, 0), vga_rgb_of(0xe0));
	vga_out(&b, 0x3c6, 0x7f, 1);
	check_size(640, 480);
	check_eq(pixel(0, 0), vga_rgb_of(0x60));
	vga_bench_end(&b);
}

TEST(vga_mode_d_doubles_dots_and_lines)
{
	begin(&vga_mode_d);
	vga_put_plane(&b, 1, 40 + 1, 0x40);
	check_size(640, 400);
	for (u32 y = 2; y < 4; y++)
		for (u32 x = 18; x < 20; x++)
			check_eq(pixel(x, y), color(2));
	check_eq(pixel(17, 2), color(0));
	check_eq(pixel(20, 3), color(0));
	check_eq(pixel(18, 4), color(0));
	vga_bench_end(&b);
}

TEST(vga_mode_13_has_a_byte_for_each_pixel)
{
	begin(&vga_mode_13);
	for (u32 i = 0; i < 256; i++)
		vga_poke(&b, VGA_WINDOW_GPA + 320 * 7 + i, (u8)i);
	check_size(640, 400);
	for (u32 i = 0; i < 256; i++) {
		check_eq(pixel(2 * i, 14), vga_rgb_of((u8)i));
		check_eq(pixel(2 * i + 1, 15), vga_rgb_of((u8)i));
	}
	check_eq(pixel(2, 13), vga_rgb_of(0));
	check_eq(pixel(2, 16), vga_rgb_of(0));
	vga_bench_end(&b);
}

TEST(unchained_pixels_are_in_the_planes_in_turn)
{
	begin(&vga_mode_x);
	/* Pixel (6, 1): plane 2 of address 81 */
	vga_set(&b, 0x3c4, SEQ_MAP_MASK, 0x4);
	vga_poke(&b, VGA_WINDOW_GPA + 81, 0x99);
	check_size(640, 480);
	check_eq(pixel(12, 2), vga_rgb_of(0x99));
	check_eq(pixel(13, 3), vga_rgb_of(0x99));
	check_eq(pixel(14, 2), vga_rgb_of(0));
	check_eq(pixel(10, 2), vga_rgb_of(0));
	vga_set_attr(&b, ATTR_PANNING, 2); /* a pixel */
	check_size(640, 480);
	check_eq(pixel(10, 2), vga_rgb_of(0x99));
	vga_bench_end(&b);
}

TEST(the_cgas_four_colours_have_odd_lines_8_kib_on)
{
	begin(&vga_mode_4);
	vga_poke(&b, 0xb8000, 0x1b);
	vga_poke(&b, 0xb8001, 0xc0);
	vga_poke(&b, 0xba000, 0x80);
	vga_poke(&b, 0xb8050, 0x40);
	check_size(640, 400);
	for (u32 i = 0; i < 4; i++)
		check_eq(pixel(2 * i, 0), color(i));
	check_eq(pixel(8, 1), color(3));
	check_eq(pixel(10, 1), color(0));
	check_eq(pixel(0, 2), color(2));
	check_eq(pixel(1, 3), color(2));
	check_eq(pixel(0, 4), color(1));
	vga_bench_end(&b);
}

TEST(the_cgas_two_colours_have_a_bit_each)
{
	begin(&vga_mode_6);
	vga_poke(&b, 0xb8001, 0x40);
	vga_poke(&b, 0xba000, 0x80);
	check_size(640, 400);
	check_eq(pixel(9, 0), color(1));
	check_eq(pixel(8, 0), color(0));
	check_eq(pixel(0, 2), color(1));
	vga_bench_end(&b);
}

/* ---- dispi ---- */

static void begin_dispi(u16 width, u16 height, u16 bpp)
{
	begin(&vga_mode_13);
	vga_set_size(&b, width, height, bpp);
}

static void put(u64 at, u32 value, u32 size)
{
	memcpy(b.vga.vram.host + at, &value, size);
}

TEST(bochs_vbe_8_bits_go_through_the_palette)
{
	begin_dispi(640, 480, 8);
	put(640 * 2 + 3, 0xc1, 1);
	check_size(640, 480);
	check_eq(pixel(3, 2), vga_rgb_of(0xc1));
	check_eq(pixel(4, 2), vga_rgb_of(0));
	vga_set_dispi(&b, DISPI_ENABLE, DISPI_ENABLED | DISPI_8BIT_DAC);
	vga_set_palette(&b, 0xc1, 0x81, 0x42, 0x24);
	check_size(640, 480);
	check_eq(pixel(3, 2), 0x814224);
	vga_bench_end(&b);
}

TEST(bochs_vbe_15_and_16_bits_are_widened)
{
	begin_dispi(640, 480, 15);
	put(640 * 2 + 2, 0x1f << 10 | 0x10 << 5 | 0x01, 2);
	check_size(640, 480);
	check_eq(pixel(1, 1), 0xff8408);
	vga_set_size(&b, 640, 480, 16);
	put(640 * 2 + 2, 0x1f << 11 | 0x20 << 5 | 0x01, 2);
	check_size(640, 480);
	check_eq(pixel(1, 1), 0xff8208);
	check_eq(pixel(2, 1), 0);
	vga_bench_end(&b);
}

TEST(bochs_vbe_24_and_32_bits_are_as_they_are)
{
	begin_dispi(801, 600, 24);
	put(801 * 3 + 3, 0xabcdef, 3);
	check_size(801, 600);
	check_eq(pixel(1, 1), 0xabcdef);
	check_eq(pixel(2, 1), 0);
	vga_set_size(&b, 801, 600, 32);
	put(801 * 4 + 4, 0xff123456, 4);
	check_size(801, 600);
	check_eq(pixel(1, 1), 0x123456);
	vga_bench_end(&b);
}

TEST(bochs_vbe_4_bits_are_planes)
{
	begin(&vga_mode_12);
	vga_set_size(&b, 800, 600, 4);
	vga_set_dispi(&b, DISPI_VIRT_WIDTH, 1024);
	vga_put_plane(&b, 1, 128 * 3 + 2, 0x08); /* (20, 3) */
	check_size(800, 600);
	check_eq(pixel(20, 3), color(2));
	check_eq(pixel(21, 3), color(0));
	vga_set_dispi(&b, DISPI_X_OFFSET, 11);
	vga_set_dispi(&b, DISPI_Y_OFFSET, 2);
	check_size(800, 600);
	check_eq(pixel(9, 1), color(2));
	vga_bench_end(&b);
}

TEST(bochs_vbe_offsets_move_the_picture)
{
	begin_dispi(640, 480, 32);
	vga_set_dispi(&b, DISPI_VIRT_WIDTH, 1000);
	vga_set_dispi(&b, DISPI_X_OFFSET, 10);
	vga_set_dispi(&b, DISPI_Y_OFFSET, 20);
	put((21 * 1000 + 12) * 4, 0x112233, 4);
	check_size(640, 480);
	check_eq(pixel(2, 1), 0x112233);
	check_eq(pixel(2, 0), 0);
	vga_bench_end(&b);
}

TEST(the_last_dword_of_memory_can_be_shown)
{
	begin_dispi(1024, 768, 32);
	vga_set_dispi(&b, DISPI_Y_OFFSET, 4096 - 768);
	put(VGA_VRAM_BYTES - 4, 0x445566, 4);
	check_size(1024, 768);
	check_eq(pixel(1023, 767), 0x445566);
	vga_bench_end(&b);
}

/* ---- the whole ---- */

TEST(vga_the_screen_is_black_while_it_is_off)
{
	begin_dispi(64, 64, 32);
	put(0, 0x112233, 4);
	check_size(64, 64);
	check_eq(pixel(0, 0), 0x112233);
	(void)vga_in(&b, 0x3da, 1); /* the index comes next */
	vga_out(&b, 0x3c0, 0, 1);
	check_size(64, 64);
	check_eq(pixel(0, 0), 0);
	vga_set_attr(&b, 0, 0);
	check_size(64, 64);
	check_eq(pixel(0, 0), 0x112233);
	vga_set(&b, 0x3c4, SEQ_CLOCKING, CLOCKING_SCREEN_OFF);
	check_size(64, 64);
	check_eq(pixel(0, 0), 0);
	vga_bench_end(&b);
}

TEST(only_what_changed_is_told_to_viewers)
{
	struct display_viewer viewer;
	struct display_rect rect;

	begin(&vga_mode_3);
	check_size(720, 400);
	display_add_viewer(&b.vga.display, &viewer);
	(void)display_take(&viewer); /* all of it is new */
	put_cell(82, ' ', 0x20);
	check_size(720, 400);
	rect = display_take(&viewer);
	check_eq(rect.x, 18);
	check_eq(rect.y, 16);
	check_eq(rect.width, 9);
	check_eq(rect.height, 16);
	display_remove_viewer(&b.vga.display, &viewer);
	vga_bench_end(&b);
}

/* Each register at its limits: the picture is nonsense, but within bounds. */
TEST(no_timing_leads_beyond_the_picture)
{
	begin(&vga_mode_3);
	crtc(CRTC_COLUMNS, 0xff);
	crtc(CRTC_LINES, 0xff);
	crtc(CRTC_OVERFLOW, 0xff);
	crtc(CRTC_OFFSET, 0xff);
	crtc(CRTC_START_HIGH, 0xff);
	crtc(CRTC_MAX_SCAN, 0);
	crtc(CRTC_PRESET_ROW, 0xff);
	vga_set(&b, 0x3c4, SEQ_CLOCKING, CLOCKING_DOUBLED);
	check_size(4096, 1024);
	crtc(CRTC_COLUMNS, 0);
	crtc(CRTC_LINES, 0);
	crtc(CRTC_OVERFLOW, 0);
	check_size(18, 1);
	vga_bench_end(&b);
}
