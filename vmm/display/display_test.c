/* SPDX-License-Identifier: MIT */
#include "vmm/display/display.h"

#include <errno.h>

#include "base/harness_fault.h"
#include "base/test.h"

/* A source that draws what the test has laid out. */
static struct {
	struct display display;
	u32 width, height;
	u32 pixels[8][16];
	u32 draws;
} t;

static void draw(void *ctx, struct display *display)
{
	(void)ctx;
	t.draws++;
	display_resize(display, t.width, t.height);
	for (u32 y = 0; y < t.height; y++)
		display_put(display, y, t.pixels[y]);
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	t.width = 16;
	t.height = 8;
	check_eq(display_init(&t.display, &(struct display_source){.draw = draw}),
		 0);
}

static void check_rect(struct display_rect rect, u32 x, u32 y, u32 width,
		       u32 height)
{
	check_eq(rect.x, x);
	check_eq(rect.y, y);
	check_eq(rect.width, width);
	check_eq(rect.height, height);
}

TEST(a_display_begins_black_and_draws_only_when_asked)
{
	begin();
	check_eq(t.display.width, 640);
	check_eq(t.display.height, 480);
	check_eq(display_line(&t.display, 479)[639], 0);
	check_eq(t.draws, 0);
	display_refresh(&t.display);
	check_eq(t.draws, 1);
	check_eq(t.display.width, 16);
	check_eq(t.display.stride_bytes, 64);
	display_release(&t.display);
}

TEST(a_viewer_is_told_the_rectangle_that_differs)
{
	struct display_viewer viewer;

	begin();
	display_refresh(&t.display);
	display_add_viewer(&t.display, &viewer);
	check(viewer.resized);
	check_rect(display_take(&viewer), 0, 0, 16, 8);
	check(!viewer.resized);
	display_refresh(&t.display);
	check_eq(display_take(&viewer).width, 0);
	t.pixels[2][5] = 1;
	t.pixels[4][3] = 2;
	t.pixels[4][7] = 3;
	display_refresh(&t.display);
	check_eq(display_line(&t.display, 4)[7], 3);
	check_rect(display_take(&viewer), 3, 2, 5, 3);
	display_remove_viewer(&t.display, &viewer);
	display_release(&t.display);
}

TEST(each_viewer_takes_at_his_own_time)
{
	struct display_viewer quick, slow;

	begin();
	display_refresh(&t.display);
	display_add_viewer(&t.display, &quick);
	display_add_viewer(&t.display, &slow);
	(void)display_take(&quick); /* all: looked at above */
	(void)display_take(&slow);
	t.pixels[0][0] = 1;
	display_refresh(&t.display);
	check_rect(display_take(&quick), 0, 0, 1, 1);
	t.pixels[7][15] = 1;
	display_refresh(&t.display);
	check_rect(display_take(&quick), 15, 7, 1, 1);
	check_rect(display_take(&slow), 0, 0, 16, 8);
	display_remove_viewer(&t.display, &quick);
	t.pixels[7][14] = 1;
	display_refresh(&t.display);
	check_eq(display_take(&quick).width, 0);
	check_rect(display_take(&slow), 14, 7, 1, 1);
	display_remove_viewer(&t.display, &slow);
	display_release(&t.display);
}

TEST(a_new_size_is_told_and_begins_black)
{
	struct display_viewer viewer;

	begin();
	memset(t.pixels, 0x11, sizeof(t.pixels));
	display_refresh(&t.display);
	display_add_viewer(&t.display, &viewer);
	(void)display_take(&viewer); /* all */
	display_resize(&t.display, 20, 4);
	check(viewer.resized);
	check_rect(display_take(&viewer), 0, 0, 20, 4);
	for (u32 y = 0; y < 4; y++)
		for (u32 x = 0; x < 20; x++)
			check_eq(display_line(&t.display, y)[x], 0);
	display_remove_viewer(&t.display, &viewer);
	display_release(&t.display);
}

TEST(the_top_byte_of_a_pixel_says_nothing)
{
	struct display_viewer viewer;

	begin();
	display_refresh(&t.display);
	display_add_viewer(&t.display, &viewer);
	(void)display_take(&viewer); /* all */
	t.pixels[1][1] = 0xff000000;
	display_refresh(&t.display);
	check_eq(display_take(&viewer).width, 0);
	t.pixels[1][1] = 0xab123456;
	display_refresh(&t.display);
	check_eq(display_line(&t.display, 1)[1], 0x123456);
	display_remove_viewer(&t.display, &viewer);
	display_release(&t.display);
}

TEST(no_picture_is_larger_than_its_memory)
{
	static const u32 sizes[][4] = {
		{5000, 100, 4096, 100},
		{100, 5000, 100, 4096},
		{4096, 4096, 4096, 1024},
		{3000, 3000, 3000, 1398},
		{0, 0, 1, 1},
		{UINT32_MAX, UINT32_MAX, 4096, 1024},
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		display_resize(&t.display, sizes[i][0], sizes[i][1]);
		check_eq(t.display.width, sizes[i][2]);
		check_eq(t.display.height, sizes[i][3]);
		check((u64)t.display.stride_bytes * t.display.height <=
		      DISPLAY_BYTES_MAX);
		check_eq(display_line(&t.display,
				      t.display.height - 1)[t.display.width - 1],
			 0);
	}
	display_release(&t.display);
}

TEST(without_memory_there_is_no_display)
{
	memset(&t, 0, sizeof(t));
	alloc_fail_at(1);
	check_eq(display_init(&t.display, &(struct display_source){.draw = draw}),
		 -ENOMEM);
	alloc_fail_off();
	display_release(&t.display);
}
