/* SPDX-License-Identifier: MIT */
/*
 * What a screen shows: a picture in host memory, between the device that draws it
 * (its source) and whoever looks at it: a VNC server, a screenshot.
 *
 * Nothing is drawn until somebody looks. display_refresh asks the source, which
 * says the size and hands over line by line; what differs from the picture that
 * is there goes into it, and into a rectangle for each viewer, who takes it when
 * it suits him. So viewers of different speeds share one picture.
 *
 * Its memory is address space for the largest picture, of which the host gives
 * what is drawn on. All functions belong to the event loop's thread.
 */
#ifndef VMM_DISPLAY_DISPLAY_H
#define VMM_DISPLAY_DISPLAY_H

#include "base/list.h"
#include "base/types.h"

#define DISPLAY_WIDTH_MAX  4096
#define DISPLAY_HEIGHT_MAX 4096
#define DISPLAY_BYTES_MAX  (16 * MiB) /* so not both of them together */

/* Empty: width 0. Else within the picture it is of. */
struct display_rect {
	u32 x, y, width, height;
};

struct display;

struct display_source {
	/* Calls display_resize, then display_put for each line. */
	void (*draw)(void *ctx, struct display *display);
	void *ctx; /* borrowed: must outlive the display */
};

/* The viewer fills nothing; it takes `changed` and `resized`. */
struct display_viewer {
	struct display_rect changed; /* since it was taken last */
	bool resized;		     /* the same; all is then changed, too */
	struct list link;
};

struct display {
	struct display_source source;
	/* The picture: 32 bits for each pixel, 0x00rrggbb (x8r8g8b8). */
	u32 *pixels; /* owned: a mapping of DISPLAY_BYTES_MAX */
	u32 width, height;
	u32 stride_bytes; /* from line to line */
	struct list viewers;
};

/* A black picture of 640 by 480. -ENOMEM. */
must_check int display_init(struct display *display,
			    const struct display_source *source);
/* Without viewers. Accepts what is all zero. */
void display_release(struct display *display);

/* Makes the picture what the device shows now. */
void display_refresh(struct display *display);

/* A new viewer has seen nothing yet. */
void display_add_viewer(struct display *display, struct display_viewer *viewer);
void display_remove_viewer(struct display *display,
			   struct display_viewer *viewer);
/* What changed since this was called last; `resized` is cleared, too. */
struct display_rect display_take(struct display_viewer *viewer);

const u32 *display_line(const struct display *display, u32 y);

/* ---- for sources, while they draw ---- */

/* Cuts what is too large to the limits; a new size begins black. */
void display_resize(struct display *display, u32 width, u32 height);
/* A line of `width` pixels, the top byte of each without meaning. */
void display_put(struct display *display, u32 y, const u32 *pixels);

#endif
