/* SPDX-License-Identifier: MIT */
/* qcow2 images: what they refuse, keep and mend. */
#include "vmm/block/qcow2/qcow2.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"
#include "vmm/block/qcow2/inside.h"

struct bench {
	struct folder folder;
	const char *path;
	struct disk *disk;
	struct disk_config config;
};

static void bench_open(struct bench *b)
{
	check_eq(disk_open(&b->config, &b->disk, NULL), 0);
}

static void bench_make(struct bench *b, u64 size, u64 cluster)
{
	*b = (struct bench){.config = {.discard = true}};
	folder_make(&b->folder);
	folder_qcow2(&b->folder, "d.qcow2", size, cluster, NULL, NULL);
	(void)snprintf(b->folder.name[15], sizeof(b->folder.name[15]),
		       "%s/d.qcow2", b->folder.path);
	b->path = b->config.path = b->folder.name[15];
	b->folder.next = 0;
	bench_open(b);
}

static void bench_reopen(struct bench *b)
{
	check_eq(disk_close(b->disk), 0);
	bench_open(b);
}

static void bench_free(struct bench *b)
{
	check_eq(disk_close(b->disk), 0);
	folder_remove(&b->folder);
}

/* Bytes of the closed image's file. */
static void poke(struct bench *b, u64 offset, const void *data, u64 size)
{
	struct block_file file;

	check_eq(block_file_open(&file, b->path, BLOCK_FILE_WRITE, NULL), 0);
	check_eq(block_file_write(&file, offset, data, size), 0);
	block_file_close(&file);
}

static void poke64(struct bench *b, u64 offset, u64 value)
{
	u8 raw[8];

	put64(raw, value);
	poke(b, offset, raw, sizeof(raw));
}

static u64 peek64(struct bench *b, u64 offset)
{
	struct block_file file;
	u8 raw[8];

	check_eq(block_file_open(&file, b->path, BLOCK_FILE_SHARE, NULL), 0);
	check_eq(block_file_read(&file, offset, raw, sizeof(raw)), 0);
	block_file_close(&file);
	return get64(raw);
}

TEST(random_changes_read_back_and_leave_a_whole_image)
{
	static const u64 clusters[] = {512, 4096, 65536, 2 * MiB};
	static u8 model[4 * MiB], data[300 * KiB];

	for (size_t k = 0; k < ARRAY_SIZE(clusters); k++) {
		u32 seed = 1;
		struct bench b;

		bench_make(&b, sizeof(model), clusters[k]);
		memset(model, 0, sizeof(model));
		for (int i = 0; i < 300; i++) {
			u64 offset, size;

			seed = seed * 1664525 + 1013904223;
			offset = (seed >> 8) % sizeof(model);
			size = MIN((seed >> 3) % sizeof(data) + 1,
				   sizeof(model) - offset);
			if (seed >> 28 < 10) {
				pattern_fill(data, sizeof(data), seed);
				memcpy(model + offset, data, size);
				check_eq(disk_write(b.disk, offset, data, size),
					 0);
			} else {
				memset(model + offset, 0, size);
				check_eq(disk_zero(b.disk, offset, size,
						   seed >> 27 & 1),
					 0);
			}
			if (i % 50 == 49)
				bench_reopen(&b);
		}
		check(disk_is_whole(b.disk));
		for (u64 at = 0; at < sizeof(model); at += 256 * KiB) {
			check_eq(disk_read(b.disk, at, data, 256 * KiB), 0);
			check_mem_eq(data, model + at, 256 * KiB);
		}
		bench_free(&b);
	}
}

TEST(discarded_clusters_are_used_again)
{
	static u8 data[1 * MiB];
	struct bench b;
	u64 size;

	bench_make(&b, 8 * MiB, 64 * KiB);
	pattern_fill(data, sizeof(data), 1);
	check_eq(disk_write(b.disk, 0, data, sizeof(data)), 0);
	check_eq(disk_flush(b.disk), 0);
	size = b.disk->file.size_bytes;
	for (int i = 0; i < 20; i++) {
		check_eq(disk_discard(b.disk, 0, 4 * MiB), 0);
		check_eq(disk_flush(b.disk), 0);
		check_eq(disk_write(b.disk, 2 * MiB, data, sizeof(data)), 0);
		check_eq(disk_flush(b.disk), 0);
	}
	check_eq(b.disk->file.size_bytes, size);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

TEST(without_discard_nothing_is_given_back)
{
	u8 data[512];
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	memset(data, 5, sizeof(data));
	check_eq(disk_close(b.disk), 0);
	b.config.discard = false;
	bench_open(&b);
	check_eq(disk_write(b.disk, 0, data, 512), 0);
	check_eq(disk_discard(b.disk, 0, 1 * MiB), 0);
	check_eq(disk_read(b.disk, 0, data, 512), 0);
	check_eq(data[0], 5);
	bench_free(&b);
}

TEST(what_was_freed_is_not_used_before_nothing_points_there)
{
	u8 data[4096];
	struct extent old, new;
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	memset(data, 1, sizeof(data));
	check_eq(disk_write(b.disk, 0, data, sizeof(data)), 0);
	check_eq(disk_flush(b.disk), 0);
	check_eq(disk_map(b.disk, 0, 4096, &old), 0);
	check_eq(disk_discard(b.disk, 0, 4096), 0);
	check_eq(disk_write(b.disk, 8192, data, sizeof(data)), 0);
	check_eq(disk_map(b.disk, 8192, 4096, &new), 0);
	check(new.host_offset != old.host_offset);
	check_eq(disk_flush(b.disk), 0);
	check_eq(disk_write(b.disk, 16384, data, sizeof(data)), 0);
	check_eq(disk_map(b.disk, 16384, 4096, &new), 0);
	check_eq(new.host_offset, old.host_offset);
	bench_free(&b);
}

TEST(a_refcount_table_that_is_full_grows)
{
	static u8 data[64 * KiB];
	const struct qcow2_options options = {
		.size_bytes = 4 * MiB,
		.cluster_bytes = 512,
		.refcount_bits = 64,
	};
	struct block_file file;
	struct bench b = {};

	/* A table of one cluster counts 2 MiB of file then. */
	folder_make(&b.folder);
	b.path = b.config.path = folder_path(&b.folder, "d.qcow2");
	check_eq(block_file_open(&file, b.path,
				 BLOCK_FILE_WRITE | BLOCK_FILE_CREATE, NULL),
		 0);
	check_eq(qcow2_create(&file, &options, NULL), 0);
	block_file_close(&file);
	bench_open(&b);
	for (u64 at = 0; at < options.size_bytes; at += sizeof(data)) {
		pattern_fill(data, sizeof(data), (u32)(at >> 16));
		check_eq(disk_write(b.disk, at, data, sizeof(data)), 0);
	}
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	for (u64 at = 0; at < options.size_bytes; at += sizeof(data)) {
		check_eq(disk_read(b.disk, at, data, sizeof(data)), 0);
		check(pattern_is(data, sizeof(data), (u32)(at >> 16)));
	}
	check(qcow2_of(b.disk)->reftable_clusters > 1);
	bench_free(&b);
}

static void refuse(u64 at, u64 value, const char *words)
{
	struct fault fault = {};
	struct bench b;
	struct disk *disk;
	char text[1024];

	bench_make(&b, 1 * MiB, 4096);
	check_eq(disk_close(b.disk), 0);
	poke64(&b, at, value);
	check(disk_open(&b.config, &disk, &fault) < 0);
	fault_format(&fault, text, sizeof(text));
	if (!strstr(text, words))
		test_fail("'%s' has no '%s'", text, words);
	folder_remove(&b.folder);
}

TEST(qcow2_header_features_that_are_not_known_are_refused)
{
	refuse(HEADER_INCOMPATIBLE, INCOMPATIBLE_DATA_FILE,
	       "its data in another file");
	refuse(HEADER_INCOMPATIBLE, INCOMPATIBLE_EXTENDED_L2,
	       "extended L2 entries");
	refuse(HEADER_INCOMPATIBLE, BIT(37), "incompatible feature 37");
	refuse(HEADER_INCOMPATIBLE, INCOMPATIBLE_CORRUPT, "marked as corrupt");
	refuse(HEADER_CRYPT_METHOD, (u64)1 << 32 | 1, "encrypted data");
	refuse(0, (u64)QCOW2_MAGIC << 32 | 4, "version other than 2 and 3");
	refuse(0, (u64)QCOW2_MAGIC << 33 | 3, "is no qcow2 image");
}

TEST(qcow2_header_places_that_cannot_be_are_refused)
{
	refuse(HEADER_L1_OFFSET, 4097, "L1 table is impossible");
	refuse(HEADER_L1_OFFSET, BIT(60), "L1 table is impossible");
	refuse(HEADER_SIZE, BIT(50), "L1 table is impossible");
	refuse(HEADER_SIZE, BIT(63), "too large");
	refuse(HEADER_REFTABLE_OFFSET, 0, "refcount table is impossible");
	refuse(HEADER_REFTABLE_CLUSTERS, BIT(62),
	       "refcount table is impossible");
	refuse(HEADER_SNAPSHOTS_OFFSET, 5, "snapshot table is impossible");
	refuse(HEADER_REFCOUNT_ORDER, (u64)7 << 32 | 112, "too wide");
	refuse(HEADER_LENGTH - 4, (u64)4 << 32 | 100, "length is impossible");
	refuse(HEADER_BACKING_OFFSET + 4, (u64)4090 << 32 | 100, "name is cut");
}

TEST(unknown_autoclear_bits_are_cleared_by_the_first_write)
{
	u8 data[512] = {1};
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	check_eq(disk_close(b.disk), 0);
	poke64(&b, HEADER_AUTOCLEAR, BIT(9));
	bench_open(&b);
	check_eq(disk_read(b.disk, 0, data, 512), 0);
	bench_reopen(&b);
	check_eq(peek64(&b, HEADER_AUTOCLEAR), BIT(9));
	check_eq(disk_write(b.disk, 0, data, 512), 0);
	check_eq(peek64(&b, HEADER_AUTOCLEAR), 0);
	bench_free(&b);
}

TEST(an_image_left_dirty_is_mended_when_opened_for_writing)
{
	u8 data[4096], zeros[512] = {};
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	memset(data, 3, sizeof(data));
	check_eq(disk_write(b.disk, 0, data, sizeof(data)), 0);
	check_eq(disk_close(b.disk), 0);
	/* The refcount block forgets all but the first clusters. */
	poke(&b, 2 * 4096 + 4, zeros, sizeof(zeros));
	poke64(&b, HEADER_INCOMPATIBLE, INCOMPATIBLE_DIRTY);

	b.config.read_only = true;
	bench_open(&b);
	check(!disk_is_whole(b.disk));
	check_eq(disk_close(b.disk), 0);
	check_eq(peek64(&b, HEADER_INCOMPATIBLE), INCOMPATIBLE_DIRTY);

	b.config.read_only = false;
	bench_open(&b);
	check_eq(peek64(&b, HEADER_INCOMPATIBLE), 0);
	check(disk_is_whole(b.disk));
	check_eq(disk_write(b.disk, 8192, zeros, sizeof(zeros)), 0);
	check_eq(disk_read(b.disk, 0, data, sizeof(data)), 0);
	check_eq(data[4095], 3);
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

TEST(an_image_marked_as_corrupt_is_opened_to_be_mended)
{
	struct disk_check check = {};
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	check_eq(disk_close(b.disk), 0);
	poke64(&b, HEADER_INCOMPATIBLE, INCOMPATIBLE_CORRUPT);
	b.config.for_repair = true;
	bench_open(&b);
	check_eq(disk_check(b.disk, DISK_REPAIR_LEAKS, &check), 0);
	check_eq(peek64(&b, HEADER_INCOMPATIBLE), INCOMPATIBLE_CORRUPT);
	check_eq(disk_check(b.disk, DISK_REPAIR_ALL, &check), 0);
	check_eq(peek64(&b, HEADER_INCOMPATIBLE), 0);
	b.config.for_repair = false;
	bench_reopen(&b);
	bench_free(&b);
}

TEST(leaks_are_found_and_mended)
{
	struct disk_check check = {};
	struct bench b;
	u8 one[2] = {0, 1};

	bench_make(&b, 1 * MiB, 4096);
	check_eq(disk_close(b.disk), 0);
	poke(&b, 2 * 4096 + 2 * 6, one, 2); /* cluster 6 */
	poke(&b, 8 * 4096, one, 1);	    /* so that the file has it */
	bench_open(&b);
	check_eq(disk_check(b.disk, DISK_REPAIR_NONE, &check), 0);
	check_eq(check.leaks, 1);
	check_eq(check.corruptions, 0);
	check = (struct disk_check){};
	check_eq(disk_check(b.disk, DISK_REPAIR_LEAKS, &check), 0);
	check_eq(check.leaks, 0);
	check_eq(check.leaks_fixed, 1);
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

TEST(a_damaged_entry_fails_what_touches_it_and_nothing_else)
{
	u8 data[4096];
	struct bench b;
	u64 table;

	bench_make(&b, 1 * MiB, 4096);
	memset(data, 3, sizeof(data));
	check_eq(disk_write(b.disk, 0, data, 4096), 0);
	check_eq(disk_write(b.disk, 4096, data, 4096), 0);
	check_eq(disk_flush(b.disk), 0);
	table = qcow2_of(b.disk)->l1[0] & ENTRY_OFFSET;
	check_eq(disk_close(b.disk), 0);
	poke64(&b, table, ENTRY_COPIED | 0x1234200);
	bench_open(&b);
	check_eq(disk_read(b.disk, 0, data, 4096), -EIO);
	check_eq(disk_write(b.disk, 0, data, 512), -EIO);
	check_eq(disk_read(b.disk, 4096, data, 4096), 0);
	check_eq(data[0], 3);
	bench_free(&b);
}

TEST(a_reserved_place_far_past_the_end_is_not_written)
{
	u8 data[4096];
	struct bench b;
	u64 table, size;

	bench_make(&b, 1 * MiB, 4096);
	memset(data, 3, sizeof(data));
	check_eq(disk_write(b.disk, 0, data, 4096), 0);
	check_eq(disk_flush(b.disk), 0);
	table = qcow2_of(b.disk)->l1[0] & ENTRY_OFFSET;
	check_eq(disk_close(b.disk), 0);
	poke64(&b, table, ENTRY_COPIED | ENTRY_ZERO | 1 * TiB);
	bench_open(&b);
	size = b.disk->file.size_bytes;
	check_eq(disk_write(b.disk, 512, data, 512), -EIO);
	check_eq(disk_write(b.disk, 0, data, 4096), -EIO);
	check_eq(disk_read(b.disk, 0, data, 4096), 0);
	check_eq(data[0], 0);
	bench_reopen(&b);
	check_eq(b.disk->file.size_bytes, size);
	bench_free(&b);
}

TEST(places_that_are_shared_by_turns_are_written_in_a_moment)
{
	static u8 data[16 * MiB];
	struct timespec start, end;
	struct bench b;
	struct qcow2 *q;

	bench_make(&b, sizeof(data), 512);
	q = qcow2_of(b.disk);
	check_eq(writing_begin(q), 0);
	/* All in one row, away from the tables; every other one may be changed. */
	check_eq(block_file_truncate(&b.disk->file, 64 * MiB + sizeof(data)), 0);
	for (u64 c = 0; c < sizeof(data) / 512; c++)
		check_eq(entry_set(q, c,
				   (64 * MiB + c * 512) |
					   (c % 2 ? ENTRY_COPIED : 0)),
			 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	check_eq(disk_write(b.disk, 0, data, sizeof(data)), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	check(end.tv_sec - start.tv_sec < 5);
	bench_free(&b);
}

TEST(the_header_is_never_given_away_as_free)
{
	u8 data[4096] = {}, zeros[64] = {};
	struct bench b;

	bench_make(&b, 1 * MiB, 4096);
	check_eq(disk_close(b.disk), 0);
	poke(&b, 2 * 4096, zeros, sizeof(zeros)); /* all is free, it says */
	bench_open(&b);
	check_eq(disk_write(b.disk, 0, data, 4096), -EIO);
	bench_reopen(&b);
	bench_free(&b);
}

TEST(growing_shows_zeros_and_shrinking_gives_back)
{
	u8 data[8192];
	struct bench b;

	bench_make(&b, 10 * 512, 4096);
	memset(data, 6, sizeof(data));
	check_eq(disk_write(b.disk, 4096, data, 1024), 0);
	check_eq(disk_resize(b.disk, 1 * GiB, NULL), 0);
	check_eq(disk_read(b.disk, 4096, data, 4096), 0);
	check_eq(data[1023], 6);
	check_eq(data[1024] | data[4095], 0);
	memset(data, 7, sizeof(data));
	check_eq(disk_write(b.disk, 1 * GiB - 8192, data, 8192), 0);
	check_eq(disk_resize(b.disk, 8192, NULL), 0);
	check(disk_is_whole(b.disk));
	check_eq(disk_resize(b.disk, 1 * GiB, NULL), 0);
	check_eq(disk_read(b.disk, 1 * GiB - 8192, data, 8192), 0);
	check_eq(data[0] | data[8191], 0);
	bench_reopen(&b);
	check_eq(b.disk->size_bytes, 1 * GiB);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

TEST(compressed_clusters_read_and_are_written_over)
{
	static u8 data[64 * KiB], read[64 * KiB];

	for (int way = QCOW2_ZLIB; way <= QCOW2_ZSTD; way++) {
		const struct qcow2_options options = {
			.size_bytes = 4 * MiB,
			.cluster_bytes = 64 * KiB,
			.compression = (enum qcow2_compression)way,
		};
		struct bench b = {.config = {.discard = true}};
		struct block_file file;
		struct extent extent;

		folder_make(&b.folder);
		b.path = b.config.path = folder_path(&b.folder, "d.qcow2");
		check_eq(block_file_open(&file, b.path,
					 BLOCK_FILE_WRITE | BLOCK_FILE_CREATE,
					 NULL),
			 0);
		check_eq(qcow2_create(&file, &options, NULL), 0);
		block_file_close(&file);
		bench_open(&b);
		for (u64 at = 0; at < options.size_bytes; at += sizeof(data)) {
			pattern_fill(data, sizeof(data), (u32)(at >> 16));
			check_eq(qcow2_write_compressed(b.disk, at, data,
							sizeof(data)),
				 0);
		}
		bench_reopen(&b);
		check(disk_is_whole(b.disk));
		check(b.disk->file.size_bytes < options.size_bytes / 2);
		check_eq(disk_map(b.disk, 0, 512, &extent), 0);
		check_eq(extent.kind, EXTENT_COMPRESSED);
		for (u64 at = 0; at < options.size_bytes; at += sizeof(data)) {
			check_eq(disk_write(b.disk, at + 512, "xy", 2), 0);
			check_eq(disk_read(b.disk, at, read, sizeof(read)), 0);
			pattern_fill(data, sizeof(data), (u32)(at >> 16));
			memcpy(data + 512, "xy", 2);
			check_mem_eq(read, data, sizeof(data));
		}
		check_eq(disk_flush(b.disk), 0);
		check(disk_is_whole(b.disk));
		bench_free(&b);
	}
}

TEST(narrow_refcounts_do_not_end_compression)
{
	static u8 data[64 * KiB];
	const struct qcow2_options options = {
		.size_bytes = 1 * MiB,
		.cluster_bytes = 64 * KiB,
		.refcount_bits = 1,
	};
	struct bench b = {};
	struct block_file file;
	struct extent extent;

	folder_make(&b.folder);
	b.path = b.config.path = folder_path(&b.folder, "d.qcow2");
	check_eq(block_file_open(&file, b.path,
				 BLOCK_FILE_WRITE | BLOCK_FILE_CREATE, NULL),
		 0);
	check_eq(qcow2_create(&file, &options, NULL), 0);
	block_file_close(&file);
	bench_open(&b);
	memset(data, 5, sizeof(data));
	for (u64 at = 0; at < options.size_bytes; at += sizeof(data)) {
		check_eq(qcow2_write_compressed(b.disk, at, data, sizeof(data)),
			 0);
		check_eq(disk_map(b.disk, at, 512, &extent), 0);
		check_eq(extent.kind, EXTENT_COMPRESSED);
	}
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

/* The host has no space past `limit`: EFBIG stands for ENOSPC. */
static void limit_files(u64 limit)
{
	const struct rlimit rlimit = {limit, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	check_eq(setrlimit(RLIMIT_FSIZE, &rlimit), 0);
}

TEST(a_host_without_space_loses_nothing_and_may_get_some_later)
{
	static u8 data[64 * KiB], read[64 * KiB];
	u64 first_failed = 0;
	struct bench b;

	bench_make(&b, 64 * MiB, 64 * KiB);
	limit_files(2 * MiB);
	for (u64 i = 0; i < 64; i++) {
		int err;

		pattern_fill(data, sizeof(data), (u32)i);
		err = disk_write(b.disk, i * MiB, data, sizeof(data));
		if (err) {
			check_eq(err, -EFBIG);
			first_failed = first_failed ? first_failed : i;
		}
	}
	check(first_failed > 8 && first_failed < 40);
	check_eq(disk_flush(b.disk), 0);
	limit_files(RLIM_INFINITY);
	pattern_fill(data, sizeof(data), 1000);
	check_eq(disk_write(b.disk, 63 * MiB, data, sizeof(data)), 0);
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	for (u64 i = 0; i < first_failed; i++) {
		check_eq(disk_read(b.disk, i * MiB, read, sizeof(read)), 0);
		check(pattern_is(read, sizeof(read), (u32)i));
	}
	check_eq(disk_read(b.disk, 63 * MiB, read, sizeof(read)), 0);
	check_mem_eq(read, data, sizeof(data));
	bench_free(&b);
}

TEST(what_a_failed_write_left_past_the_end_is_not_seen_again)
{
	static u8 data[32 * KiB], read[64 * KiB];
	struct bench b;
	u64 end;

	bench_make(&b, 64 * MiB, 64 * KiB);
	check_eq(disk_write(b.disk, 0, "x", 1), 0);
	check_eq(disk_flush(b.disk), 0);
	end = align_up(b.disk->file.size_bytes, 64 * KiB);
	/* The host takes the first 4 KiB of it. */
	memset(data, 0xaa, sizeof(data));
	limit_files(end + 4 * KiB);
	check_eq(disk_write(b.disk, 1 * MiB, data, sizeof(data)), -EFBIG);
	limit_files(RLIM_INFINITY);
	check_eq(disk_write(b.disk, 2 * MiB + 32 * KiB, "y", 1), 0);
	check_eq(disk_read(b.disk, 2 * MiB, read, sizeof(read)), 0);
	for (size_t i = 0; i < sizeof(read); i++)
		check_eq(read[i], i == 32 * KiB ? 'y' : 0);
	bench_free(&b);
}

TEST(a_new_table_has_nothing_of_what_a_failed_write_left)
{
	static u8 data[32 * KiB];
	u8 read[512], zeros[512] = {};
	struct bench b;
	u64 end;

	bench_make(&b, 4 * GiB, 64 * KiB);
	check_eq(disk_write(b.disk, 0, "x", 1), 0);
	check_eq(disk_flush(b.disk), 0);
	end = align_up(b.disk->file.size_bytes, 64 * KiB);
	/* Entries of the guest's making, all for the header's neighbour. */
	for (u32 i = 0; i < sizeof(data); i += 8)
		put64(data + i, ENTRY_COPIED | 64 * KiB);
	limit_files(end + 4 * KiB);
	check_eq(disk_write(b.disk, 1 * MiB, data, sizeof(data)), -EFBIG);
	limit_files(RLIM_INFINITY);
	/* Far away, where a table is made first. */
	check_eq(disk_write(b.disk, 1 * GiB + 1 * MiB, "y", 1), 0);
	check_eq(disk_read(b.disk, 1 * GiB, read, sizeof(read)), 0);
	check_mem_eq(read, zeros, sizeof(read));
	bench_reopen(&b);
	check(disk_is_whole(b.disk));
	bench_free(&b);
}

TEST(an_option_that_cannot_be_is_named)
{
	static const struct {
		struct qcow2_options options;
		const char *words;
	} wrong[] = {
		{{.cluster_bytes = 1000}, "a power of two"},
		{{.cluster_bytes = 4 * MiB}, "from 512 to 2M"},
		{{.cluster_bytes = 4096, .refcount_bits = 3}, "refcount_bits"},
		{{.cluster_bytes = 4096, .refcount_bits = 8, .version = 2},
		 "16 bits only"},
		{{.cluster_bytes = 4096, .compression = QCOW2_ZSTD, .version = 2},
		 "zlib compression only"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct fault fault = {};

		check_eq(qcow2_check_options(&wrong[i].options, &fault),
			 -EINVAL);
		check(strstr(fault.text[0], wrong[i].words));
	}
}

TEST(writing_survives_each_allocation_that_fails)
{
	static u8 data[128 * KiB];
	struct bench b;

	bench_make(&b, 4 * MiB, 4096);
	for (u32 n = 1; n < 40; n++) {
		alloc_fail_at(n);
		(void)!disk_write(b.disk, n * 3000, data, sizeof(data));
		(void)!disk_zero(b.disk, n * 5000, 20000, true);
		alloc_fail_off();
		check_eq(disk_flush(b.disk), 0);
		check(disk_is_whole(b.disk));
	}
	bench_free(&b);
}
