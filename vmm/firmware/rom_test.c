/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/rom.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/harness_fault.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"

static const struct rom_kind paged = {.what = "firmware",
				      .sizes = "8 to 16 KiB",
				      .bytes_min = 8 * KiB,
				      .bytes_max = 16 * KiB,
				      .bytes_step = 4 * KiB};
static const struct rom_kind rounded = {.what = "video BIOS",
					.sizes = "512 bytes to 12 KiB",
					.bytes_min = 512,
					.bytes_max = 12 * KiB,
					.bytes_step = 1,
					.power_of_two = true};

static struct {
	struct folder folder;
	struct fault fault;
	u8 *data;
	u64 bytes;
} t;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	folder_make(&t.folder);
}

static void end(void)
{
	if (t.data)
		munmap(t.data, t.bytes);
	folder_remove(&t.folder);
}

/* Of a file of `size` bytes that begins with "rom". */
static int map(const struct rom_kind *kind, u64 size)
{
	const char *path =
		folder_file(&t.folder, "rom", "rom", MIN(size, 3u), size);

	if (t.data)
		munmap(t.data, t.bytes);
	t.data = NULL;
	t.fault = (struct fault){};
	return rom_map(kind, path, &t.data, &t.bytes, &t.fault);
}

static bool says(const char *words)
{
	return strstr(t.fault.text[0], words) != NULL;
}

TEST(a_rom_of_whole_pages_is_mapped_as_it_is)
{
	begin();
	check_eq(map(&paged, 12 * KiB), 0);
	check_eq(t.bytes, 12 * KiB);
	check_mem_eq(t.data, "rom", 4);
	/* It is ours alone. */
	t.data[0] = 'x';
	(void)folder_file(&t.folder, "rom", "new", 3, 12 * KiB);
	check_mem_eq(t.data, "xom", 4);
	end();
}

TEST(one_that_a_bar_shows_is_filled_up_to_a_power_of_two)
{
	static const u64 sizes[][2] = {{512, 4 * KiB},
				       {4 * KiB, 4 * KiB},
				       {4 * KiB + 1, 8 * KiB},
				       {12 * KiB, 16 * KiB}};

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_eq(map(&rounded, sizes[i][0]), 0);
		check_eq(t.bytes, sizes[i][1]);
		check_eq(t.data[t.bytes - 1], 0);
		check_mem_eq(t.data, "rom", 4);
	}
	end();
}

TEST(other_sizes_are_refused_with_a_sentence)
{
	begin();
	check_eq(map(&paged, 4 * KiB), -EINVAL);
	check(says("rom' is no firmware: it has to be a file of 8 to 16 KiB"));
	check_eq(map(&paged, 20 * KiB), -EINVAL);
	check(says("is no firmware"));
	check_eq(map(&paged, 12 * KiB + 1), -EINVAL);
	check(says("is no firmware"));
	check_eq(map(&rounded, 511), -EINVAL);
	check(says("is no video BIOS: it has to be a file of 512 bytes"));
	check_eq(map(&rounded, 12 * KiB + 1), -EINVAL);
	check_eq(map(&rounded, 0), -EINVAL);
	check(says("is empty"));
	check(!t.data);
	end();
}

TEST(what_is_no_file_is_refused_and_never_waited_for)
{
	const char *path;

	begin();
	check_eq(rom_map(&paged, t.folder.path, &t.data, &t.bytes, &t.fault),
		 -EINVAL);
	check(says("is a directory"));
	path = folder_path(&t.folder, "fifo");
	check_eq(mkfifo(path, 0600), 0);
	check_eq(rom_map(&paged, path, &t.data, &t.bytes, &t.fault), -EINVAL);
	check(says("is not a regular file"));
	path = folder_path(&t.folder, "missing");
	check_eq(rom_map(&paged, path, &t.data, &t.bytes, &t.fault), -ENOENT);
	check(says("cannot open firmware"));
	check(!t.data);
	end();
}

TEST(a_host_without_memory_is_told_of)
{
	const char *path;
	int err;

	begin();
	path = folder_file(&t.folder, "rom", "rom", 3, 8 * KiB);
	alloc_fail_at(1);
	err = rom_map(&paged, path, &t.data, &t.bytes, &t.fault);
	check(alloc_has_failed());
	alloc_fail_off();
	check_eq(err, -ENOMEM);
	check(!t.data);
	end();
}

TEST(the_first_place_that_has_one_is_taken)
{
	const char *places[2];

	begin();
	places[0] = folder_path(&t.folder, "first");
	places[1] = folder_path(&t.folder, "second");
	check_eq(rom_find(&paged, places, 2, "install it", &t.fault), -ENOENT);
	check(says("there is no firmware at '"));
	check(says("/first'; install it"));
	(void)folder_file(&t.folder, "second", "x", 1, 1);
	check_eq(rom_find(&paged, places, 2, "install it", &t.fault), 1);
	(void)folder_file(&t.folder, "first", "x", 1, 1);
	check_eq(rom_find(&paged, places, 2, "install it", &t.fault), 0);
	end();
}
