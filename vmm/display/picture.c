/* SPDX-License-Identifier: MIT */
/* Line by line through one piece of memory: see picture.h. */
#include "vmm/display/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fd.h"

#define PIECE_BYTES 32768
/* A line with PNG's filter byte before it. */
#define LINE_BYTES (1 + 3 * DISPLAY_WIDTH_MAX)

struct work {
	int fd;
	u8 line[LINE_BYTES];
	/* PNG's: */
	z_stream deflate;
	u8 piece[PIECE_BYTES];
};

static void pack(const struct display *display, u32 y, u8 *rgb)
{
	const u32 *line = display_line(display, y);

	for (u32 x = 0; x < display->width; x++, rgb += 3) {
		rgb[0] = (u8)(line[x] >> 16);
		rgb[1] = (u8)(line[x] >> 8);
		rgb[2] = (u8)line[x];
	}
}

/* ---- PPM ---- */

static int write_ppm(struct work *work, const struct display *display)
{
	char head[32];
	int size = snprintf(head, sizeof(head), "P6\n%u %u\n255\n",
			    display->width, display->height);
	int err = write_full(work->fd, head, (size_t)size);

	for (u32 y = 0; !err && y < display->height; y++) {
		pack(display, y, work->line);
		err = write_full(work->fd, work->line,
				 3 * (size_t)display->width);
	}
	return err;
}

/* ---- PNG ---- */

static void put_be32(u8 *at, u32 value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof(value));
}

/* [PNG 5.3 "Chunk layout"] */
static int png_chunk(int fd, const char *type, const u8 *data, u32 size)
{
	u8 head[8], tail[4];
	uLong crc = crc32(0, (const u8 *)type, 4);
	int err;

	put_be32(head, size);
	memcpy(head + 4, type, 4);
	if (size)
		crc = crc32(crc, data, size);
	put_be32(tail, (u32)crc);
	err = write_full(fd, head, sizeof(head));
	if (!err && size)
		err = write_full(fd, data, size);
	return err ? err : write_full(fd, tail, sizeof(tail));
}

/* [PNG 11.2.2 "IHDR Image header"] */
static int png_header(const struct work *work, const struct display *display)
{
	static const u8 signature[] = {0x89, 'P',  'N',	 'G',
				       '\r', '\n', 0x1a, '\n'};
	u8 header[13] = {[8] = 8, /* bits for a sample */
			 [9] = 2 /* red, green, blue */};
	int err = write_full(work->fd, signature, sizeof(signature));

	put_be32(header, display->width);
	put_be32(header + 4, display->height);
	return err ? err : png_chunk(work->fd, "IHDR", header, sizeof(header));
}

/* What deflate gives for its input, with `flush` to the end of the stream. */
static int png_data(struct work *work, int flush)
{
	int err = 0;

	do {
		u32 size;

		work->deflate.next_out = work->piece;
		work->deflate.avail_out = PIECE_BYTES;
		/* Z_BUF_ERROR says that there is nothing to do. */
		(void)deflate(&work->deflate, flush);
		size = PIECE_BYTES - work->deflate.avail_out;
		if (size)
			err = png_chunk(work->fd, "IDAT", work->piece, size);
	} while (!err && !work->deflate.avail_out);
	return err;
}

/*
 * Screens are flat areas and repeated glyphs: zlib finds these without a filter,
 * and its lowest level keeps the event loop waiting least.
 */
static int write_png(struct work *work, const struct display *display)
{
	int err = png_header(work, display);

	if (err)
		return err;
	if (deflateInit(&work->deflate, Z_BEST_SPEED) != Z_OK)
		return trace_err(-ENOMEM);
	for (u32 y = 0; !err && y < display->height; y++) {
		work->line[0] = 0; /* no filter */
		pack(display, y, work->line + 1);
		work->deflate.next_in = work->line;
		work->deflate.avail_in = 1 + 3 * display->width;
		err = png_data(work, Z_NO_FLUSH);
	}
	if (!err)
		err = png_data(work, Z_FINISH);
	(void)deflateEnd(&work->deflate); /* that it was cut short is known */
	return err ? err : png_chunk(work->fd, "IEND", NULL, 0);
}

/* needs: io: write */
int picture_write(const struct display *display, enum picture_format format,
		  int fd)
{
	struct work *work = calloc(1, sizeof(*work));
	int err = 0;

	if (!work)
		return trace_err(-ENOMEM);
	work->fd = fd;
	switch (format) {
	case PICTURE_PPM:
		err = write_ppm(work, display);
		break;
	case PICTURE_PNG:
		err = write_png(work, display);
		break;
	}
	free(work);
	return err ? trace_err(err) : 0;
}
