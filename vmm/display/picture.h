/* SPDX-License-Identifier: MIT */
/*
 * A display's picture as a file: PPM, which every tool reads, and PNG, which is
 * small. [PNG 11 "Chunk specifications"]
 */
#ifndef VMM_DISPLAY_PICTURE_H
#define VMM_DISPLAY_PICTURE_H

#include "base/err.h"
#include "vmm/display/display.h"

enum picture_format {
	PICTURE_PPM,
	PICTURE_PNG,
};

/*
 * Writes what the picture is at this moment, without a refresh, to `fd` from
 * where it stands; blocks as the file does. -ENOMEM, or -errno of write(2); the
 * file then has a part of it.
 */
must_check int picture_write(const struct display *display,
			     enum picture_format format, int fd);

#endif
