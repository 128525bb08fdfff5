/* SPDX-License-Identifier: MIT */
/* For device tests: a chardev that keeps what it is given. */
#ifndef VMM_CHAR_FAKE_CHARDEV_H
#define VMM_CHAR_FAKE_CHARDEV_H

#include "vmm/char/chardev.h"

#define FAKE_CHARDEV_BYTES_MAX 4096

struct fake_chardev {
	struct chardev chardev;
	u8 out[FAKE_CHARDEV_BYTES_MAX];
	size_t out_size;
	size_t limit; /* takes no more than this in total */
	u32 input_wanted_count;
	u32 drain_count;
};

void fake_chardev_init(struct fake_chardev *fake);

#endif
