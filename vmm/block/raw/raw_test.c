/* SPDX-License-Identifier: MIT */
/* Raw images: the file's bytes and holes, its end, and its size. */
#include "vmm/block/raw/raw.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "vmm/block/harness_folder.h"

#define DATA_BYTES (256 * KiB)
/* In the middle of the data, and blocks of every file system. */
#define PART_AT	   (64 * KiB)
#define PART_BYTES (128 * KiB)

struct bench {
	struct folder folder;
	struct disk *disk;
	u8 *data; /* owned: what the file begins with */
};

static void bench_open(struct bench *b, const char *path, bool discard)
{
	const struct disk_config config = {
		.path = path,
		.format = "raw",
		.discard = discard,
	};

	check_eq(disk_open(&config, &b->disk, NULL), 0);
}

/* A disk of 1 MiB: DATA_BYTES of a pattern, and a hole behind it. */
static void bench_make(struct bench *b, bool discard)
{
	*b = (struct bench){.data = malloc(DATA_BYTES)};
	check(b->data);
	pattern_fill(b->data, DATA_BYTES, 1);
	folder_make(&b->folder);
	bench_open(b,
		   folder_file(&b->folder, "d.img", b->data, DATA_BYTES, 1 * MiB),
		   discard);
}

static void bench_free(struct bench *b)
{
	check_eq(disk_close(b->disk), 0);
	free(b->data);
	folder_remove(&b->folder);
}

/* The disk begins with `data`, and zeros follow. */
static void is_on_disk(struct bench *b, const u8 *data)
{
	static u8 read[1 * MiB], zeros[1 * MiB];

	memset(read, 9, sizeof(read));
	check_eq(disk_read(b->disk, 0, read, sizeof(read)), 0);
	check_mem_eq(read, data, DATA_BYTES);
	check_mem_eq(read + DATA_BYTES, zeros, sizeof(read) - DATA_BYTES);
}

/* What the file takes on the medium, when all of it is there. */
static u64 used_bytes(struct bench *b)
{
	u64 bytes;

	check_eq(disk_flush(b->disk), 0);
	check_eq(block_file_used(&b->disk->file, &bytes), 0);
	return bytes;
}

static u64 file_bytes(struct bench *b)
{
	struct stat st;

	check_eq(fstat(b->disk->file.fd, &st), 0);
	return (u64)st.st_size;
}

TEST(a_disk_is_its_file_byte_for_byte)
{
	u8 byte = 0;
	struct bench b;

	bench_make(&b, false);
	check_eq(b.disk->size_bytes, 1 * MiB);
	is_on_disk(&b, b.data);
	check_eq(disk_write(b.disk, 1001, "hello", 5), 0);
	memcpy(b.data + 1001, "hello", 5);
	is_on_disk(&b, b.data);
	check_eq(pread(b.disk->file.fd, &byte, 1, 1001), 1);
	check_eq(byte, 'h');
	check_eq(disk_write(b.disk, 1 * MiB - 1, "x", 1), 0);
	check_eq(disk_read(b.disk, 1 * MiB - 1, &byte, 1), 0);
	check_eq(byte, 'x');
	check_eq(file_bytes(&b), 1 * MiB);
	bench_free(&b);
}

TEST(a_map_tells_data_and_holes)
{
	struct extent extent;
	struct bench b;

	bench_make(&b, false);
	check_eq(disk_map(b.disk, 4096, 8192, &extent), 0);
	check_eq(extent.kind, EXTENT_DATA);
	check_eq(extent.size_bytes, 8192);
	check(extent.has_offset && extent.file == &b.disk->file);
	check_eq(extent.host_offset, 4096);
	check_eq(disk_map(b.disk, 0, 1 * MiB, &extent), 0);
	check_eq(extent.kind, EXTENT_DATA);
	if (extent.size_bytes == 1 * MiB) {
		bench_free(&b);
		skip("this file system tells no holes");
	}
	check_eq(extent.size_bytes, DATA_BYTES);
	check_eq(disk_map(b.disk, DATA_BYTES, 1 * MiB - DATA_BYTES, &extent), 0);
	check_eq(extent.kind, EXTENT_ZERO);
	check_eq(extent.size_bytes, 1 * MiB - DATA_BYTES);
	check_eq(disk_map(b.disk, DATA_BYTES, 512, &extent), 0);
	check_eq(extent.size_bytes, 512);
	bench_free(&b);
}

/* Whatever is there: holes are not looked for without I/O. */
TEST(each_place_is_known_without_io)
{
	struct extent extent;
	struct bench b;

	bench_make(&b, false);
	for (int write = 0; write < 2; write++) {
		check_eq(disk_map_cached(b.disk, 512, 1 * MiB - 512, write,
					 &extent),
			 0);
		check_eq(extent.kind, EXTENT_DATA);
		check_eq(extent.host_offset, 512);
		check_eq(extent.size_bytes, 1 * MiB - 512);
		check(extent.file == &b.disk->file);
	}
	bench_free(&b);
}

TEST(zeroing_keeps_the_space_unless_it_may_go)
{
	static const struct {
		bool discard, unmap, goes;
	} ways[] = {{false, false, false},
		    {false, true, false},
		    {true, false, false},
		    {true, true, true}};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct bench b;
		u64 before;

		bench_make(&b, ways[i].discard);
		before = used_bytes(&b);
		check(before >= DATA_BYTES);
		check_eq(disk_zero(b.disk, PART_AT, PART_BYTES, ways[i].unmap),
			 0);
		memset(b.data + PART_AT, 0, PART_BYTES);
		is_on_disk(&b, b.data);
		check_eq(file_bytes(&b), 1 * MiB);
		check_eq(before - used_bytes(&b), ways[i].goes ? PART_BYTES : 0);
		bench_free(&b);
	}
}

TEST(zeros_take_any_offset_and_size)
{
	struct bench b;

	bench_make(&b, true);
	check_eq(disk_zero(b.disk, 1001, 7, true), 0);
	memset(b.data + 1001, 0, 7);
	check_eq(disk_zero(b.disk, 4095, 8194, false), 0);
	memset(b.data + 4095, 0, 8194);
	check_eq(disk_zero(b.disk, 20000, 0, true), 0);
	is_on_disk(&b, b.data);
	bench_free(&b);
}

TEST(a_discard_gives_space_back_where_that_is_wanted)
{
	struct bench b;
	u64 before;

	bench_make(&b, false);
	before = used_bytes(&b);
	check_eq(disk_discard(b.disk, PART_AT, PART_BYTES), 0);
	check_eq(used_bytes(&b), before);
	is_on_disk(&b, b.data);
	bench_free(&b);

	bench_make(&b, true);
	before = used_bytes(&b);
	check_eq(disk_discard(b.disk, PART_AT, PART_BYTES), 0);
	check_eq(before - used_bytes(&b), PART_BYTES);
	memset(b.data + PART_AT, 0, PART_BYTES);
	is_on_disk(&b, b.data);
	/* To the end: the file does not get shorter. */
	check_eq(disk_discard(b.disk, PART_AT, 1 * MiB - PART_AT), 0);
	memset(b.data + PART_AT, 0, DATA_BYTES - PART_AT);
	is_on_disk(&b, b.data);
	check_eq(file_bytes(&b), 1 * MiB);
	bench_free(&b);
}

/* 700 bytes are two sectors. */
TEST(a_last_sector_in_part_is_whole_when_it_is_changed)
{
	u8 data[700], read[1024], zeros[1024] = {};
	struct extent extent;
	struct bench b = {};

	folder_make(&b.folder);
	memset(data, 7, sizeof(data));
	bench_open(&b, folder_file(&b.folder, "odd", data, 700, 700), true);
	check_eq(b.disk->size_bytes, 1024);
	check_eq(disk_map(b.disk, 0, 1024, &extent), 0);
	check_eq(extent.kind, EXTENT_DATA);
	check_eq(extent.size_bytes, 700);
	check_eq(disk_map(b.disk, 700, 324, &extent), 0);
	check_eq(extent.kind, EXTENT_ZERO);
	check_eq(extent.size_bytes, 324);
	/* What is given back is not made longer by it. */
	check_eq(disk_discard(b.disk, 512, 512), 0);
	check_eq(file_bytes(&b), 700);
	check_eq(disk_read(b.disk, 0, read, 1024), 0);
	check_mem_eq(read, data, 512);
	check_mem_eq(read + 512, zeros, 512);

	check_eq(disk_zero(b.disk, 512, 512, true), 0);
	check_eq(file_bytes(&b), 1024);
	check_eq(disk_write(b.disk, 1000, "end of the sector here!", 24), 0);
	check_eq(disk_read(b.disk, 512, read, 512), 0);
	check_mem_eq(read, zeros, 488);
	check_mem_eq(read + 488, "end of the sector here!", 24);
	check_eq(file_bytes(&b), 1024);
	bench_free(&b);
}

TEST(resizing_cuts_off_and_shows_zeros)
{
	u8 read[4096], zeros[4096] = {};
	struct fault fault = {};
	struct bench b;

	bench_make(&b, false);
	check_eq(disk_resize(b.disk, PART_AT, NULL), 0);
	check_eq(b.disk->size_bytes, PART_AT);
	check_eq(file_bytes(&b), PART_AT);
	check_eq(disk_resize(b.disk, 2 * MiB, NULL), 0);
	check_eq(b.disk->size_bytes, 2 * MiB);
	check_eq(disk_read(b.disk, PART_AT - 4096, read, 4096), 0);
	check_mem_eq(read, b.data + PART_AT - 4096, 4096);
	check_eq(disk_read(b.disk, PART_AT, read, 4096), 0);
	check_mem_eq(read, zeros, 4096);
	check_eq(disk_write(b.disk, 2 * MiB - 4096, b.data, 4096), 0);
	check_eq(file_bytes(&b), 2 * MiB);

	check_eq(disk_resize(b.disk, BIT(63), &fault), -EINVAL);
	check(strstr(fault.text[0], "cannot resize"));
	check_eq(b.disk->size_bytes, 2 * MiB);
	bench_free(&b);
}

TEST(what_is_only_read_is_not_changed)
{
	struct disk_config config = {.format = "raw", .read_only = true};
	struct folder f;
	struct disk *disk;
	u8 data[512];

	folder_make(&f);
	memset(data, 7, sizeof(data));
	config.path = folder_file(&f, "d.img", data, 512, 4096);
	check_eq(disk_open(&config, &disk, NULL), 0);
	check_eq(disk_write(disk, 0, "x", 1), -EROFS);
	check_eq(disk_zero(disk, 0, 512, true), -EROFS);
	check_eq(disk_discard(disk, 0, 512), -EROFS);
	check_eq(disk_flush(disk), 0);
	check_eq(disk_read(disk, 0, data, 512), 0);
	check_eq(data[0], 7);
	/* There is nothing in it that could be damaged. */
	check_eq(disk_check(disk, DISK_REPAIR_NONE, &(struct disk_check){}),
		 -EOPNOTSUPP);
	check_eq(disk_close(disk), 0);
	folder_remove(&f);
}
