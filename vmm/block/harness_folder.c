/* SPDX-License-Identifier: MIT */
/* A folder for tests: see harness_folder.h. */
#include "vmm/block/harness_folder.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/block/qcow2/qcow2.h"

void folder_make(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/keel-block-XXXXXX"};
	if (!mkdtemp(folder->path))
		abort();
}

void folder_remove(struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlink(folder_path(folder, entry->d_name));
	if (dir)
		closedir(dir);
	rmdir(folder->path);
}

const char *folder_path(struct folder *folder, const char *name)
{
	char *path = folder->name[folder->next++ % ARRAY_SIZE(folder->name)];

	size_t length = strlen(folder->path);

	memcpy(path, folder->path, length);
	(void)snprintf(path + length, sizeof(folder->name[0]) - length,
		       "/%.60s", name);
	return path;
}

const char *folder_file(struct folder *folder, const char *name,
			const void *data, u64 data_bytes, u64 size)
{
	const char *path = folder_path(folder, name);
	int fd = fd_open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) ||
	    (data_bytes && pwrite_full(fd, data, data_bytes, 0)))
		abort();
	fd_close(&fd);
	return path;
}

const char *folder_qcow2(struct folder *folder, const char *name,
			 u64 size_bytes, u64 cluster_bytes, const char *backing,
			 const char *backing_format)
{
	const struct qcow2_options options = {
		.size_bytes = size_bytes,
		.cluster_bytes = cluster_bytes,
		.backing_name = backing,
		.backing_format = backing_format,
	};
	const char *path = folder_path(folder, name);
	struct block_file file;

	if (block_file_open(&file, path, BLOCK_FILE_WRITE | BLOCK_FILE_CREATE,
			    NULL) ||
	    qcow2_create(&file, &options, NULL))
		abort();
	block_file_close(&file);
	return path;
}

static u32 pattern_word(u64 at, u32 seed)
{
	return (u32)(at / 512 * 2654435761u) ^ (seed * 40503u + 1);
}

void pattern_fill(u8 *data, u64 size, u32 seed)
{
	for (u64 at = 0; at < size; at += 4) {
		u32 word = pattern_word(at, seed);

		memcpy(data + at, &word, 4);
	}
}

bool pattern_is(const u8 *data, u64 size, u32 seed)
{
	for (u64 at = 0; at < size; at += 4) {
		u32 word = pattern_word(at, seed);

		if (memcmp(data + at, &word, 4) != 0)
			return false;
	}
	return true;
}

bool disk_is_whole(struct disk *disk)
{
	struct disk_check check = {.report = stdout, .report_left = 20};

	return !disk_check(disk, DISK_REPAIR_NONE, &check) &&
	       !check.corruptions && !check.leaks;
}
