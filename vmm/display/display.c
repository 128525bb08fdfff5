/* SPDX-License-Identifier: MIT */
/* The picture and what changed in it: see display.h. */
#include "vmm/display/display.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"

#define FIRST_WIDTH  640
#define FIRST_HEIGHT 480
#define RGB_MASK     0xffffffu

static u32 *line_at(const struct display *display, u32 y)
{
	assert(y < display->height);
	return display->pixels + (size_t)y * (display->stride_bytes / 4);
}

const u32 *display_line(const struct display *display, u32 y)
{
	return line_at(display, y);
}

/* ---- what changed ---- */

/* The smallest rectangle with both in it. */
static void rect_add(struct display_rect *rect, const struct display_rect *more)
{
	u32 right = MAX(rect->x + rect->width, more->x + more->width);
	u32 bottom = MAX(rect->y + rect->height, more->y + more->height);

	if (!rect->width) {
		*rect = *more;
		return;
	}
	rect->x = MIN(rect->x, more->x);
	rect->y = MIN(rect->y, more->y);
	rect->width = right - rect->x;
	rect->height = bottom - rect->y;
}

static void changed(struct display *display, const struct display_rect *rect)
{
	list_for_each(at, &display->viewers)
		rect_add(&container_of(at, struct display_viewer, link)->changed,
			 rect);
}

static struct display_rect whole(const struct display *display)
{
	return (struct display_rect){.width = display->width,
				     .height = display->height};
}

void display_add_viewer(struct display *display, struct display_viewer *viewer)
{
	*viewer = (struct display_viewer){.changed = whole(display),
					  .resized = true};
	list_add_tail(&display->viewers, &viewer->link);
}

void display_remove_viewer(struct display *display,
			   struct display_viewer *viewer)
{
	(void)display;
	list_del(&viewer->link);
}

struct display_rect display_take(struct display_viewer *viewer)
{
	struct display_rect rect = viewer->changed;

	viewer->changed = (struct display_rect){};
	viewer->resized = false;
	return rect;
}

/* ---- drawing ---- */

static void set_size(struct display *display, u32 width, u32 height)
{
	display->width = width;
	display->height = height;
	display->stride_bytes = 4 * width;
	for (u32 y = 0; y < height; y++)
		memset(line_at(display, y), 0, 4 * (size_t)width);
}

void display_resize(struct display *display, u32 width, u32 height)
{
	width = MIN(MAX(width, 1u), (u32)DISPLAY_WIDTH_MAX);
	height = MIN(MAX(height, 1u), (u32)DISPLAY_HEIGHT_MAX);
	height = MIN(height, (u32)(DISPLAY_BYTES_MAX / 4) / width);
	if (width == display->width && height == display->height)
		return;
	set_size(display, width, height);
	list_for_each(at, &display->viewers) {
		struct display_viewer *viewer =
			container_of(at, struct display_viewer, link);

		viewer->resized = true;
		viewer->changed = whole(display);
	}
}

static bool same(u32 a, u32 b)
{
	return !((a ^ b) & RGB_MASK);
}

void display_put(struct display *display, u32 y, const u32 *pixels)
{
	u32 left = 0, right = display->width, *line = line_at(display, y);

	if (!memcmp(line, pixels, 4 * (size_t)right))
		return;
	while (left < right && same(line[left], pixels[left]))
		left++;
	while (right > left && same(line[right - 1], pixels[right - 1]))
		right--;
	if (left == right)
		return;
	for (u32 x = left; x < right; x++)
		line[x] = pixels[x] & RGB_MASK;
	changed(display,
		&(struct display_rect){
			.x = left, .y = y, .width = right - left, .height = 1});
}

void display_refresh(struct display *display)
{
	display->source.draw(display->source.ctx, display);
}

/* ---- life ---- */

int display_init(struct display *display, const struct display_source *source)
{
	void *pixels = mmap(NULL, DISPLAY_BYTES_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pixels == MAP_FAILED)
		return trace_err(-errno);
	*display = (struct display){.source = *source, .pixels = pixels};
	list_init(&display->viewers);
	set_size(display, FIRST_WIDTH, FIRST_HEIGHT);
	return 0;
}

void display_release(struct display *display)
{
	if (display->pixels)
		munmap(display->pixels, DISPLAY_BYTES_MAX);
	*display = (struct display){};
}
