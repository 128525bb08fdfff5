/* SPDX-License-Identifier: MIT */
/* Which files are opened as what, and which are not. */
#include "vmm/block/disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"
#include "vmm/block/qcow2/qcow2.h"

static const u8 magic[4] = {'Q', 'F', 'I', 0xfb};

static int try_open(const struct disk_config *config, struct fault *fault)
{
	struct disk *disk;
	int err = disk_open(config, &disk, fault);

	if (!err)
		(void)disk_close(disk);
	return err;
}

#define refused(config, error, words)                                  \
	do {                                                           \
		struct fault fault_ = {};                              \
		char text_[1024];                                      \
                                                                       \
		check_eq(try_open((config), &fault_), (error));        \
		fault_format(&fault_, text_, sizeof(text_));           \
		if (!strstr(text_, (words)))                           \
			test_fail("'%s' has no '%s'", text_, (words)); \
	} while (0)

TEST(a_name_tells_the_format)
{
	struct folder f;

	folder_make(&f);
	check_eq(try_open(&(struct disk_config){.path = folder_file(&f, "a.img",
								    "", 0, 4096)},
			  NULL),
		 0);
	refused((&(struct disk_config){
			.path = folder_file(&f, "a.qcow2", "", 0, 4096)}),
		-EINVAL, "is no qcow2 image");
	refused((&(struct disk_config){
			.path = folder_file(&f, "disk", "", 0, 4096)}),
		-EINVAL, "does not tell a format");
	refused((&(struct disk_config){.path = folder_path(&f, "disk"),
				       .format = "vmdk"}),
		-EINVAL, "those are raw and qcow2");
	folder_remove(&f);
}

TEST(a_raw_disk_that_begins_like_qcow2_is_not_guessed_about)
{
	struct disk_config config = {};
	struct folder f;

	folder_make(&f);
	config.path = folder_file(&f, "guest.img", magic, 4, 4096);
	refused(&config, -EINVAL, "begins like qcow2");
	config.format = "raw";
	check_eq(try_open(&config, NULL), 0);
	folder_remove(&f);
}

TEST(a_backing_file_is_opened_only_where_that_is_allowed)
{
	struct disk_config config = {};
	struct folder f;

	folder_make(&f);
	folder_file(&f, "base.img", "", 0, 1 * MiB);
	config.path =
		folder_qcow2(&f, "top.qcow2", 1 * MiB, 4096, "base.img", "raw");
	refused(&config, -EPERM, "backing=on");
	config.backing_allowed = true;
	check_eq(try_open(&config, NULL), 0);
	config.backing_allowed = false;
	config.backing_ignored = true;
	check_eq(try_open(&config, NULL), 0);
	folder_remove(&f);
}

TEST(a_backing_file_without_a_format_is_refused)
{
	struct disk_config config = {.backing_allowed = true};
	struct folder f;

	folder_make(&f);
	folder_file(&f, "base.img", "", 0, 1 * MiB);
	config.path =
		folder_qcow2(&f, "top.qcow2", 1 * MiB, 4096, "base.img", NULL);
	refused(&config, -EINVAL, "does not say the format");
	folder_remove(&f);
}

TEST(a_protocol_is_no_backing_file)
{
	static const char *const names[] = {
		"json:{\"driver\":\"file\"}", "nbd:localhost:10809",
		"nbd://host/x", "file:/etc/passwd", "fat:rw:/etc"};
	struct disk_config config = {.backing_allowed = true};
	struct folder f;

	folder_make(&f);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		config.path = folder_qcow2(&f, "top.qcow2", 1 * MiB, 4096,
					   names[i], "raw");
		refused(&config, -EOPNOTSUPP, "is not a file");
	}
	folder_remove(&f);
}

TEST(a_backing_loop_ends_with_an_error)
{
	struct disk_config config = {.backing_allowed = true, .read_only = true};
	struct folder f;

	folder_make(&f);
	folder_qcow2(&f, "a.qcow2", 1 * MiB, 4096, "b.qcow2", "qcow2");
	folder_qcow2(&f, "b.qcow2", 1 * MiB, 4096, "a.qcow2", "qcow2");
	config.path = folder_path(&f, "a.qcow2");
	refused(&config, -ELOOP, "in a circle");
	folder_remove(&f);
}

TEST(a_chain_that_is_too_long_ends_with_an_error)
{
	struct disk_config config = {.backing_allowed = true};
	char name[32], below[32];
	struct folder f;

	folder_make(&f);
	folder_file(&f, "0.img", "", 0, 1 * MiB);
	for (int i = 1; i <= DISK_CHAIN_MAX + 1; i++) {
		(void)snprintf(name, sizeof(name), "%d.img", i);
		(void)snprintf(below, sizeof(below), "%d.img", i - 1);
		config.path = folder_qcow2(&f, name, 1 * MiB, 4096, below,
					   i > 1 ? "qcow2" : "raw");
	}
	config.format = "qcow2";
	refused(&config, -ELOOP, "more than");
	config.path = folder_path(&f, "20.img");
	check_eq(try_open(&config, NULL), 0);
	folder_remove(&f);
}

TEST(what_is_no_file_is_no_disk)
{
	struct disk_config config = {.format = "raw"};
	struct folder f;

	folder_make(&f);
	config.path = f.path;
	check(try_open(&config, NULL) < 0);
	config.path = folder_path(&f, "none.img");
	refused(&config, -ENOENT, "none.img");
	config.path = folder_path(&f, "pipe.img");
	check_eq(mkfifo(config.path, 0600), 0);
	refused(&config, -EINVAL, "neither a file nor a block device");
	config.path = "/dev/zero";
	refused(&config, -EINVAL, "neither a file nor a block device");
	folder_remove(&f);
}

TEST(a_raw_file_that_ends_within_a_sector_is_filled_up_with_zeros)
{
	struct disk_config config = {.format = "raw"};
	u8 data[1024], zeros[1024] = {};
	struct disk *disk;
	struct folder f;

	folder_make(&f);
	memset(data, 7, sizeof(data));
	config.path = folder_file(&f, "odd", data, 700, 700);
	check_eq(disk_open(&config, &disk, NULL), 0);
	check_eq(disk->size_bytes, 1024);
	check_eq(disk_read(disk, 0, data, 1024), 0);
	check_eq(data[699], 7);
	check_mem_eq(data + 700, zeros, 324);
	check_eq(disk_write(disk, 512, zeros, 512), 0);
	check_eq(disk_close(disk), 0);
	folder_remove(&f);
}

TEST(temporary_writes_leave_the_disk_untouched)
{
	static u8 data[256 * KiB], read[256 * KiB];
	struct disk_config config = {.read_only = true};
	struct disk *disk;
	struct folder f;

	folder_make(&f);
	pattern_fill(data, sizeof(data), 1);
	config.path = folder_file(&f, "a.img", data, sizeof(data), 1 * MiB);
	check_eq(disk_open(&config, &disk, NULL), 0);
	check_eq(disk_open_temporary(f.path, disk, &disk, NULL), 0);
	check_eq(disk_write(disk, 1000 * 512, "hello", 5), 0);
	check_eq(disk_zero(disk, 0, 512, true), 0);
	check_eq(disk_read(disk, 512, read, 4096), 0);
	check_mem_eq(read, data + 512, 4096);
	check_eq(disk_read(disk, 1000 * 512, read, 5), 0);
	check_mem_eq(read, "hello", 5);
	check_eq(disk_close(disk), 0);

	check_eq(disk_open(&config, &disk, NULL), 0);
	check_eq(disk_read(disk, 0, read, sizeof(read)), 0);
	check_mem_eq(read, data, sizeof(data));
	check_eq(disk_read(disk, 1000 * 512, read, 5), 0);
	check_eq(read[0], 0);
	check_eq(disk_close(disk), 0);
	folder_remove(&f);
}

TEST(opening_a_chain_survives_each_allocation_that_fails)
{
	struct disk_config config = {.backing_allowed = true};
	struct disk *disk;
	struct folder f;
	int err;

	folder_make(&f);
	folder_file(&f, "base.img", "", 0, 1 * MiB);
	config.path =
		folder_qcow2(&f, "top.qcow2", 1 * MiB, 4096, "base.img", "raw");
	for (u32 n = 1;; n++) {
		alloc_fail_at(n);
		err = disk_open(&config, &disk, NULL);
		if (!err)
			break;
		check_eq(err, -ENOMEM);
	}
	alloc_fail_off();
	check_eq(disk_close(disk), 0);
	folder_remove(&f);
}
