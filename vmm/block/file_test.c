/* SPDX-License-Identifier: MIT */
/* The file under an image. */
#include "vmm/block/file.h"

#include <unistd.h>

#include "base/test.h"
#include "vmm/block/harness_folder.h"

TEST(what_is_past_the_end_reads_as_zeros)
{
	u8 data[8192];
	struct block_file file;
	struct folder f;

	folder_make(&f);
	check_eq(block_file_open(&file, folder_file(&f, "x", "abc", 3, 3), 0,
				 NULL),
		 0);
	memset(data, 9, sizeof(data));
	check_eq(block_file_read(&file, 1, data, sizeof(data)), 0);
	check_mem_eq(data, "bc\0\0", 4);
	check_eq(data[8191], 0);
	check_eq(block_file_read(&file, BLOCK_OFFSET_MAX - 1, data, 2), -EIO);
	block_file_close(&file);
	folder_remove(&f);
}

TEST(zeros_are_written_and_may_become_a_hole)
{
	static u8 data[256 * KiB];
	struct block_file file;
	struct folder f;
	bool hole;
	u64 size;

	folder_make(&f);
	pattern_fill(data, sizeof(data), 3);
	check_eq(block_file_open(
			 &file,
			 folder_file(&f, "x", data, sizeof(data), sizeof(data)),
			 BLOCK_FILE_WRITE, NULL),
		 0);
	check_eq(block_file_zero(&file, 64 * KiB, 64 * KiB, true), 0);
	check_eq(block_file_zero(&file, 1000, 3, false), 0);
	memset(data + 64 * KiB, 0, 64 * KiB);
	memset(data + 1000, 0, 3);
	for (u64 at = 0; at < sizeof(data); at += KiB) {
		u8 read[KiB];

		check_eq(block_file_read(&file, at, read, KiB), 0);
		check_mem_eq(read, data + at, KiB);
	}
	check_eq(block_file_extent(&file, 64 * KiB, &hole, &size), 0);
	if (hole)
		check_eq(size, 64 * KiB);
	/* Past the end the file grows. */
	check_eq(block_file_zero(&file, 300 * KiB, 10, true), 0);
	check_eq(file.size_bytes, 300 * KiB + 10);
	block_file_close(&file);
	folder_remove(&f);
}

TEST(with_o_direct_any_alignment_will_do)
{
	static u8 model[64 * KiB], data[64 * KiB];
	struct block_file file;
	struct folder f;
	u32 seed = 1;
	int err;

	folder_make(&f);
	err = block_file_open(&file, folder_file(&f, "x", "", 0, 20001),
			      BLOCK_FILE_WRITE | BLOCK_FILE_DIRECT, NULL);
	if (err == -EOPNOTSUPP) {
		folder_remove(&f);
		skip("this file system takes no O_DIRECT");
	}
	check_eq(err, 0);
	for (int i = 0; i < 300; i++) {
		u32 offset, size;

		seed = seed * 1664525 + 1013904223;
		offset = (seed >> 8) % 40000;
		size = (seed >> 4) % 9000 + 1;
		for (u32 n = 0; n < size; n++)
			data[n] = (u8)(seed >> n % 24);
		memcpy(model + offset, data, size);
		check_eq(block_file_write(&file, offset, data, size), 0);
		check_eq(block_file_read(&file, 0, data, 60000), 0);
		check_mem_eq(data, model, 60000);
	}
	check(file.size_bytes >= 40000 && file.size_bytes < 49000);
	block_file_close(&file);
	folder_remove(&f);
}

TEST(a_sync_that_failed_is_not_forgotten)
{
	struct block_file file;
	struct folder f;
	int kept, ends[2];

	folder_make(&f);
	check_eq(block_file_open(&file, folder_file(&f, "x", "", 0, 4096),
				 BLOCK_FILE_WRITE, NULL),
		 0);
	check_eq(block_file_sync(&file), 0);
	/* In its place something that cannot be synced, for once. */
	kept = dup(file.fd);
	check(kept >= 0 && !pipe(ends));
	check_eq(dup2(ends[1], file.fd), file.fd);
	check_eq(block_file_sync(&file), -EINVAL);
	check_eq(dup2(kept, file.fd), file.fd);
	check_eq(block_file_sync(&file), -EINVAL);
	block_file_close(&file);
	close(kept);
	close(ends[0]);
	close(ends[1]);
	folder_remove(&f);
}

TEST(a_nameless_file_leaves_nothing_behind)
{
	struct block_file file;
	struct folder f;

	folder_make(&f);
	check_eq(block_file_open_nameless(&file, f.path, NULL), 0);
	check_eq(block_file_write(&file, 5, "x", 1), 0);
	block_file_close(&file);
	check(block_file_open_nameless(&file, "/nowhere", NULL) < 0);
	folder_remove(&f);
}
