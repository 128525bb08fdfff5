/* SPDX-License-Identifier: MIT */
/* Who may have an image open beside whom. */
#include "vmm/block/file.h"

#include "base/test.h"
#include "vmm/block/harness_folder.h"

TEST(two_writers_are_kept_apart)
{
	struct block_file a, b;
	struct fault fault = {};
	struct folder f;
	const char *path;

	folder_make(&f);
	path = folder_file(&f, "x.img", "", 0, 4096);
	check_eq(block_file_open(&a, path, BLOCK_FILE_WRITE, NULL), 0);
	check_eq(block_file_open(&b, path, BLOCK_FILE_WRITE, &fault), -EBUSY);
	check(strstr(fault.text[0], "x.img' is in use"));
	check_eq(block_file_open(&b, path, 0, NULL), -EBUSY);
	/* Neither is a file emptied that somebody writes. */
	check_eq(block_file_open(&b, path, BLOCK_FILE_WRITE | BLOCK_FILE_CREATE,
				 NULL),
		 -EBUSY);
	check_eq(a.size_bytes, 4096);
	check_eq(block_file_open(&b, path, BLOCK_FILE_SHARE, NULL), 0);
	check_eq(b.size_bytes, 4096);
	block_file_close(&b);
	block_file_close(&a);
	check_eq(block_file_open(&b, path, BLOCK_FILE_WRITE, NULL), 0);
	block_file_close(&b);
	folder_remove(&f);
}

TEST(readers_share_and_keep_writers_out)
{
	struct block_file a, b, c;
	struct folder f;
	const char *path;

	folder_make(&f);
	path = folder_file(&f, "x.img", "", 0, 4096);
	check_eq(block_file_open(&a, path, 0, NULL), 0);
	check_eq(block_file_open(&b, path, 0, NULL), 0);
	check_eq(block_file_open(&c, path, BLOCK_FILE_WRITE, NULL), -EBUSY);
	block_file_close(&a);
	block_file_close(&b);
	check_eq(block_file_open(&c, path, BLOCK_FILE_WRITE, NULL), 0);
	block_file_close(&c);
	folder_remove(&f);
}
