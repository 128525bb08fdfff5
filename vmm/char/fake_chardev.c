/* SPDX-License-Identifier: MIT */
/* The chardev of a test. */
#include "vmm/char/fake_chardev.h"

#include <string.h>

static size_t fake_write(struct chardev *chardev, const u8 *data, size_t size)
{
	struct fake_chardev *fake =
		container_of(chardev, struct fake_chardev, chardev);
	size_t taken = MIN(size, fake->limit - fake->out_size);

	memcpy(fake->out + fake->out_size, data, taken);
	fake->out_size += taken;
	return taken;
}

static void fake_input_wanted(struct chardev *chardev)
{
	container_of(chardev, struct fake_chardev, chardev)->input_wanted_count++;
}

static void fake_drain(struct chardev *chardev)
{
	container_of(chardev, struct fake_chardev, chardev)->drain_count++;
}

static void fake_close(struct chardev *chardev)
{
	(void)chardev;
}

static const struct chardev_ops fake_ops = {
	.write = fake_write,
	.input_wanted = fake_input_wanted,
	.drain = fake_drain,
	.close = fake_close,
};

void fake_chardev_init(struct fake_chardev *fake)
{
	*fake = (struct fake_chardev){
		.chardev = {.ops = &fake_ops},
		.limit = FAKE_CHARDEV_BYTES_MAX,
	};
}
