/* SPDX-License-Identifier: MIT */
/* For tests: a folder of their own, and small files in it. */
#ifndef VMM_BLOCK_HARNESS_FOLDER_H
#define VMM_BLOCK_HARNESS_FOLDER_H

#include "base/types.h"
#include "vmm/block/disk.h"

struct folder {
	char path[64];
	char name[16][128]; /* of folder_path, used in turns */
	u32 next;
};

/* Asserts that it could be made. */
void folder_make(struct folder *folder);
/* With all that is in it. */
void folder_remove(struct folder *folder);
/* "folder/name"; valid for 15 more calls. */
const char *folder_path(struct folder *folder, const char *name);
/* A file with these bytes at the start, `size` long. */
const char *folder_file(struct folder *folder, const char *name,
			const void *data, u64 data_bytes, u64 size);
/* A qcow2 image of the given size and clusters, over `backing` if not NULL. */
const char *folder_qcow2(struct folder *folder, const char *name,
			 u64 size_bytes, u64 cluster_bytes, const char *backing,
			 const char *backing_format);

/* Fills with a pattern that differs by sector; and checks for it. */
void pattern_fill(u8 *data, u64 size, u32 seed);
bool pattern_is(const u8 *data, u64 size, u32 seed);

/* No leaks and no errors. */
bool disk_is_whole(struct disk *disk);

#endif
