/* SPDX-License-Identifier: MIT */
/* Any sequence of cycles; what is written stays inside the chip, and a copy that
 * was told of every write is what the chip holds. */
#include "vmm/dev/pflash/pflash.h"

#include <assert.h>
#include <string.h>

#define SIZE (2 * PFLASH_BLOCK_BYTES)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct chip {
	struct pflash flash;
	u8 array[SIZE], copy[SIZE];
	bool shown;
};

static bool show(void *ctx, const struct pflash *flash, bool shown, u64 at,
		 u64 changed)
{
	struct chip *chip = ctx;

	(void)flash;
	assert(at + changed <= SIZE);
	chip->shown = shown;
	return true;
}

static void written(void *ctx, u64 at, u64 size)
{
	struct chip *chip = ctx;

	assert(at <= SIZE && size <= SIZE - at);
	memcpy(chip->copy + at, chip->array + at, size);
}

/* Three bytes a cycle: where, in or out, and what. */
static void run(struct chip *chip, const u8 *data, size_t size)
{
	struct bus_region *region = &chip->flash.region;

	for (size_t i = 0; i + 2 < size; i += 3) {
		u64 at = (data[i] | (u64)(data[i + 1] & 0x1f) << 8) % SIZE;

		if (data[i + 1] & 0x80)
			(void)region->read(region->ctx, at, 1);
		else
			region->write(region->ctx, at, data[i + 2], 1);
		assert(chip->shown == (chip->flash.mode == PFLASH_ARRAY));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct chip chip;
	struct buf buf;

	memset(&chip, 0, sizeof(chip));
	memset(chip.array, 0xff, SIZE);
	memset(chip.copy, 0xff, SIZE);
	pflash_init(&chip.flash,
		    &(struct pflash_config){.base_gpa = 0xffc00000,
					    .size = SIZE,
					    .data = chip.array,
					    .read_only = size && data[0] & 1,
					    .show = show,
					    .show_ctx = &chip,
					    .written = written,
					    .written_ctx = &chip});
	run(&chip, data, size);
	assert(!memcmp(chip.array, chip.copy, SIZE));
	buf_init(&buf, 4096);
	if (!dev_save(&chip.flash.dev, &buf))
		assert(!dev_load(&chip.flash.dev, 1, buf.data, buf.size));
	buf_release(&buf);
	/* And state that somebody made up: refused or in bounds. */
	if (!dev_load(&chip.flash.dev, 1, data, size))
		run(&chip, data, size);
	dev_release(&chip.flash.dev);
	return 0;
}
