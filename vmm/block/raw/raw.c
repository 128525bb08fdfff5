/* SPDX-License-Identifier: MIT */
/* Raw images: see raw.h. */
#include "vmm/block/raw/raw.h"

#include <assert.h>
#include <stdlib.h>

static int raw_read(struct disk *image, u64 offset, void *data, u64 size)
{
	return block_file_read(&image->file, offset, data, size);
}

static int raw_write(struct disk *image, u64 offset, const void *data, u64 size)
{
	return block_file_write(&image->file, offset, data, size);
}

static int raw_zero(struct disk *image, u64 offset, u64 size, bool unmap)
{
	return block_file_zero(&image->file, offset, size,
			       unmap && image->discard);
}

static int raw_discard(struct disk *image, u64 offset, u64 size)
{
	return image->discard ? block_file_punch(&image->file, offset, size) : 0;
}

static int raw_flush(struct disk *image)
{
	return block_file_sync(&image->file);
}

static int raw_map(struct disk *image, u64 offset, u64 size, struct extent *ret)
{
	bool hole = true;
	u64 run = size;
	int err = 0;

	if (offset < image->file.size_bytes)
		err = block_file_extent(&image->file, offset, &hole, &run);
	if (err)
		return err;
	*ret = (struct extent){
		.kind = hole ? EXTENT_ZERO : EXTENT_DATA,
		.size_bytes = MIN(run, size),
		.has_offset = true,
		.host_offset = offset,
		.file = &image->file,
	};
	return 0;
}

static int raw_map_cached(struct disk *image, u64 offset, u64 size,
			  bool for_write, struct extent *ret)
{
	(void)for_write;
	*ret = (struct extent){
		.kind = EXTENT_DATA,
		.size_bytes = size,
		.has_offset = true,
		.host_offset = offset,
		.file = &image->file,
	};
	return 0;
}

static int raw_resize(struct disk *image, u64 size, struct fault *fault)
{
	int err = block_file_truncate(&image->file, size);

	if (err)
		return fault_set(fault, FAULT_IO, err, "cannot resize '%s'",
				 image->file.name);
	image->size_bytes = size;
	return 0;
}

static void raw_free(struct disk *image)
{
	free(image);
}

static const struct disk_class raw_class = {
	.name = "raw",
	.read = raw_read,
	.write = raw_write,
	.zero = raw_zero,
	.discard = raw_discard,
	.flush = raw_flush,
	.map = raw_map,
	.map_cached = raw_map_cached,
	.resize = raw_resize,
	.free = raw_free,
};

int raw_open(struct block_file *file, const struct disk_config *config,
	     struct disk **ret_image, struct fault *fault)
{
	struct disk *image = calloc(1, sizeof(*image));

	if (!image)
		return fault_set(fault, FAULT_NO_MEMORY, trace_err(-ENOMEM),
				 "cannot open '%s'", file->name);
	*image = (struct disk){
		.class = &raw_class,
		.file = *file,
		.size_bytes = align_up(file->size_bytes, DISK_SECTOR_BYTES),
		.granule_bytes = MAX(file->align_bytes, (u32)1),
		.read_only = config->read_only,
		.discard = config->discard,
	};
	*ret_image = image;
	return 0;
}
