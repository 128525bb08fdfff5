/* SPDX-License-Identifier: MIT */
/*
 * A file whose bytes a guest sees as memory of its own: firmware, a card's ROM.
 * They are read into pages that are ours, so that no change of the file reaches
 * the guest and an engine can show them.
 */
#ifndef VMM_FIRMWARE_ROM_H
#define VMM_FIRMWARE_ROM_H

#include "base/err.h"

/* What such a file is and how large. All static. */
struct rom_kind {
	const char *what;  /* "firmware" */
	const char *sizes; /* in words: "64 KiB to 16 MiB, in steps of 64 KiB" */
	u64 bytes_min, bytes_max, bytes_step;
	/* What is mapped is one, too, filled up with zeros: as BARs have it. Else
	 * bytes_step is of whole pages. */
	bool power_of_two;
};

/*
 * *ret is then a mapping of *ret_bytes, whole pages, and the caller's to unmap.
 * -EINVAL for what is no file or of another size, -ENOMEM, -errno of opening and
 * reading; the fault says it in a sentence.
 */
must_check int rom_map(const struct rom_kind *kind, const char *path, u8 **ret,
		       u64 *ret_bytes, struct fault *fault);

/*
 * The index of the first of `places` that can be read. -ENOENT: none; the fault says
 * so of the first place, and `advice` ("install the package seabios").
 */
must_check int rom_find(const struct rom_kind *kind, const char *const places[],
			u32 count, const char *advice, struct fault *fault);

#endif
