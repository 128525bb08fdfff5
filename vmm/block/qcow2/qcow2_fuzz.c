/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an image: it opens or is refused, and then reads, writes, zeros,
 * flushes and checks with whatever its tables say, within bounded memory, and
 * never outside of its own file.
 *
 * The input is the first part of the file, the rest of which is a hole.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/block/disk.h"
#include "vmm/block/qcow2/qcow2.h"

#define INPUT_BYTES_MAX (512 * KiB)
#define FILE_BYTES	(1 * MiB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static int make_file(struct block_file *file, const u8 *data, size_t size)
{
	*file = (struct block_file){
		.fd = memfd_create("qcow2", MFD_CLOEXEC),
		.align_bytes = 1,
		.size_bytes = FILE_BYTES,
		.writable = true,
		.sync_ignored = true,
		.name = strdup("fuzz.qcow2"),
	};
	if (file->fd < 0 || !file->name || ftruncate(file->fd, FILE_BYTES) ||
	    pwrite_full(file->fd, data, size, 0)) {
		block_file_close(file);
		return -1;
	}
	return 0;
}

/* A few places of the disk: the start, the end, and one that the input says. */
static void use_disk(struct disk *disk, u64 place)
{
	static u8 buffer[64 * KiB + 8];
	u64 end = disk->size_bytes, some = MIN(end, 64 * KiB);
	u64 at[] = {0, end - some, end ? place % (end - some + 1) : 0};
	struct extent extent;

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		/* Each may fail, and nothing else. */
		(void)!disk_read(disk, at[i], buffer, some);
		if (some)
			(void)!disk_map_cached(disk, at[i], 1, true, &extent);
		if (disk->read_only)
			continue;
		(void)!disk_write(disk, at[i], buffer + i, some / 3);
		(void)!disk_zero(disk, at[i], some, true);
		(void)!disk_discard(disk, at[i], some / 2);
		(void)!disk_write(disk, at[i], buffer + i, some);
		(void)!disk_flush(disk);
	}
}

static void tell(const struct qcow2_snapshot *snapshot, void *ctx)
{
	*(u64 *)ctx += strlen(snapshot->name);
}

static void tell_bitmap(const struct qcow2_bitmap *bitmap, void *ctx)
{
	*(u64 *)ctx += strlen(bitmap->name);
}

static void examine(struct disk *disk, enum disk_repair repair)
{
	struct disk_check check = {};
	u64 length = 0;

	(void)!qcow2_each_snapshot(disk, tell, &length);
	(void)!qcow2_each_bitmap(disk, tell_bitmap, &length);
	(void)!disk_check(disk, repair, &check);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct disk_config config = {.path = "fuzz.qcow2", .discard = true};
	struct block_file file;
	struct fault fault = {};
	struct disk *disk;
	u64 place = 0;

	if (size < 104 || size > INPUT_BYTES_MAX)
		return -1;
	memcpy(&place, data + size - 8, 8);
	config.read_only = place >> 63;
	if (make_file(&file, data, size))
		return -1;
	if (qcow2_open(&file, &config, &disk, &fault)) {
		block_file_close(&file);
		return -1;
	}
	examine(disk, DISK_REPAIR_NONE);
	use_disk(disk, place);
	if (!config.read_only)
		examine(disk, DISK_REPAIR_ALL);
	(void)disk_close(disk);
	return 0;
}
