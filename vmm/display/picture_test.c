/* SPDX-License-Identifier: MIT */
#include "vmm/display/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fd.h"
#include "base/test.h"

static struct {
	struct display display;
	u32 width, height;
	u8 *file;
	size_t size;
} t;

/* No two neighbours alike, in no channel. */
static u32 pixel(u32 x, u32 y)
{
	return (x * 7 + y) % 256 << 16 | (x + y * 5) % 256 << 8 |
	       (x * y + 3) % 256;
}

static void draw(void *ctx, struct display *display)
{
	static u32 line[DISPLAY_WIDTH_MAX];

	(void)ctx;
	display_resize(display, t.width, t.height);
	for (u32 y = 0; y < t.height; y++) {
		for (u32 x = 0; x < t.width; x++)
			line[x] = pixel(x, y);
		display_put(display, y, line);
	}
}

static void begin(u32 width, u32 height, enum picture_format format)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);

	t.width = width;
	t.height = height;
	check(fd >= 0);
	check_eq(display_init(&t.display, &(struct display_source){.draw = draw}),
		 0);
	display_refresh(&t.display);
	check_eq(picture_write(&t.display, format, fd), 0);
	t.size = (size_t)lseek(fd, 0, SEEK_END);
	t.file = malloc(t.size);
	check(t.file != NULL);
	check_eq(pread_full(fd, t.file, t.size, 0), 0);
	(void)close(fd); /* a memfd */
}

static void end(void)
{
	free(t.file);
	display_release(&t.display);
}

static void check_pixels(const u8 *rgb, size_t skipped)
{
	for (u32 y = 0; y < t.height; y++) {
		rgb += skipped;
		for (u32 x = 0; x < t.width; x++, rgb += 3)
			check_eq(rgb[0] << 16 | rgb[1] << 8 | rgb[2],
				 pixel(x, y));
	}
}

TEST(ppm_is_a_head_and_three_bytes_for_each_pixel)
{
	static const char head[] = "P6\n61 7\n255\n";

	begin(61, 7, PICTURE_PPM);
	check_eq(t.size, strlen(head) + 3 * 61 * 7);
	check_mem_eq(t.file, head, strlen(head));
	check_pixels(t.file + strlen(head), 0);
	end();
}

/* ---- PNG, read by the standard's words ---- */

static u32 be32(const u8 *at)
{
	return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

/* The chunk at `at`, its sum checked; returns where the next one is. */
static size_t chunk(size_t at, const char *type)
{
	u32 size = be32(t.file + at);

	check(at + 12 + size <= t.size);
	check_mem_eq(t.file + at + 4, type, 4);
	check_eq(be32(t.file + at + 8 + size),
		 crc32(0, t.file + at + 4, size + 4));
	return at + 12 + size;
}

/* All IDATs inflated into memory of just the size; returns what follows. */
static size_t inflate_all(size_t at, u8 *data, size_t size)
{
	z_stream z = {.next_out = data, .avail_out = (u32)size};
	int state = Z_OK;

	check_eq(inflateInit(&z), Z_OK);
	while (!memcmp(t.file + at + 4, "IDAT", 4)) {
		size_t next = chunk(at, "IDAT");

		z.next_in = t.file + at + 8;
		z.avail_in = be32(t.file + at);
		state = inflate(&z, Z_NO_FLUSH);
		check_eq(z.avail_in, 0);
		at = next;
	}
	check_eq(state, Z_STREAM_END);
	check_eq(z.avail_out, 0);
	check_eq(inflateEnd(&z), Z_OK);
	return at;
}

static void check_png(u32 width, u32 height)
{
	static const u8 signature[] = {137, 80, 78, 71, 13, 10, 26, 10};
	static const u8 tail[] = {8, 2, 0, 0, 0};
	size_t size = height * (1 + 3 * (size_t)width), at;
	u8 *data = malloc(size);

	check(data != NULL);
	begin(width, height, PICTURE_PNG);
	check_mem_eq(t.file, signature, sizeof(signature));
	at = chunk(8, "IHDR");
	check_eq(be32(t.file + 8), 13);
	check_eq(be32(t.file + 16), width);
	check_eq(be32(t.file + 20), height);
	check_mem_eq(t.file + 24, tail, sizeof(tail));
	at = inflate_all(at, data, size);
	check_eq(be32(t.file + at), 0);
	check_eq(chunk(at, "IEND"), t.size);
	for (u32 y = 0; y < height; y++)
		check_eq(data[y * (1 + 3 * width)], 0);
	check_pixels(data, 1);
	free(data);
	end();
}

TEST(png_5_a_small_picture_is_a_whole_file)
{
	check_png(1, 1);
	check_png(61, 7);
}

TEST(png_11_2_4_a_large_picture_has_many_data_chunks)
{
	check_png(1023, 300);
}

TEST(a_file_that_takes_nothing_is_an_error_and_not_the_end)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip("there is no /dev/full");
	begin(4, 4, PICTURE_PPM);
	check_eq(picture_write(&t.display, PICTURE_PPM, fd), -ENOSPC);
	check_eq(picture_write(&t.display, PICTURE_PNG, fd), -ENOSPC);
	(void)close(fd); /* nothing was written */
	end();
}
