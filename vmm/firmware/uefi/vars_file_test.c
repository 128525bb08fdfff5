/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/uefi/vars_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"

#define STORE	   ((u64)3 * 4096)
#define FILE_BYTES (VARS_FILE_PAGE + 2 * (VARS_FILE_PAGE + STORE))

static u8 store[STORE];
static struct fault fault;
static struct vars_file vars;

static void fill(u8 value)
{
	memset(store, value, STORE);
}

/* The byte that all of the store has; -1: they differ. */
static int uniform(void)
{
	for (u64 i = 1; i < STORE; i++)
		if (store[i] != store[0])
			return -1;
	return store[0];
}

static int open_store(const char *path)
{
	fault_clear(&fault);
	return vars_file_open(&vars, path, store, STORE, &fault);
}

/* What the file at `path` holds, as one byte; -errno of opening it. */
static int holds(const char *path)
{
	int err;

	memset(store, 0xaa, 1);
	err = open_store(path);
	if (err)
		return err;
	vars_file_close(&vars);
	return uniform();
}

/* A file that was made with 1 and then got 2. */
static const char *make_file(struct folder *f)
{
	const char *path = folder_path(f, "vars");

	fill(1);
	check_eq(open_store(path), 0);
	fill(2);
	check_eq(vars_file_put(&vars, store), 0);
	vars_file_close(&vars);
	return path;
}

static void poke(const char *path, u64 offset, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY);

	check(fd >= 0);
	check_eq(pwrite_full(fd, data, size, offset), 0);
	close(fd);
}

static void read_image(const char *path, u8 *image)
{
	int fd = open(path, O_RDONLY);

	check_eq(pread_full(fd, image, FILE_BYTES, 0), 0);
	close(fd);
}

TEST(a_missing_file_is_made_of_the_template_and_kept_private)
{
	struct folder f;
	const char *path;
	struct stat st;

	folder_make(&f);
	path = folder_path(&f, "vars");
	fill(7);
	check_eq(open_store(path), 0);
	check_eq(vars.sequence, 2);
	vars_file_close(&vars);
	check_eq(stat(path, &st), 0);
	check_eq(st.st_size, FILE_BYTES);
	check_eq(st.st_mode & 0777, 0600);
	fill(9); /* another template is of no matter now */
	check_eq(holds(path), 7);
	/* Nothing else was left behind. */
	check_eq(unlink(path), 0);
	check_eq(rmdir(f.path), 0);
}

TEST(what_was_put_is_there_and_takes_turns)
{
	struct folder f;
	const char *path;

	folder_make(&f);
	path = make_file(&f);
	check_eq(holds(path), 2);
	for (u8 i = 3; i < 8; i++) {
		u32 before;

		check_eq(open_store(path), 0);
		before = vars.copy;
		fill(i);
		check_eq(vars_file_put(&vars, store), 0);
		check_eq(vars.copy, 1 - before);
		vars_file_close(&vars);
		check_eq(holds(path), i);
	}
	folder_remove(&f);
}

TEST(a_put_that_the_disk_lost_is_made_good_by_the_next)
{
	struct folder f;
	const char *path;

	folder_make(&f);
	path = make_file(&f);
	check_eq(open_store(path), 0);
	vars.file.sync_err = -EIO;
	fill(3);
	check_eq(vars_file_put(&vars, store), 0);
	vars_file_close(&vars);
	check_eq(holds(path), 3);
	folder_remove(&f);
}

TEST(two_machines_do_not_share_a_file)
{
	struct vars_file second;
	struct folder f;
	const char *path;

	folder_make(&f);
	path = make_file(&f);
	check_eq(open_store(path), 0);
	check_eq(vars_file_open(&second, path, store, STORE, &fault), -EBUSY);
	check(strstr(fault.text[0], "in use"));
	vars_file_close(&second);
	vars_file_close(&vars);
	check_eq(holds(path), 2);
	folder_remove(&f);
}

TEST(what_is_no_such_file_is_refused_with_a_sentence)
{
	struct vars_header header = {
		.magic = "KEELVARS", .version = 2, .store_bytes = STORE};
	struct folder f;
	const char *path;

	folder_make(&f);
	path = folder_file(&f, "empty", "", 0, 0);
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "no file of UEFI variables"));
	path = folder_file(&f, "alien", "QFI\xfb", 4, FILE_BYTES);
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "no file of UEFI variables"));
	check_eq(open_store(f.path), -EISDIR);
	path = folder_path(&f, "no/such/folder");
	check_eq(open_store(path), -ENOENT);
	path = make_file(&f);
	poke(path, 0, &header, sizeof(header));
	check_eq(open_store(path), -ENOTSUP);
	check(strstr(fault.text[0], "is of version 2"));
	header.version = 1;
	poke(path, 0, &header, sizeof(header));
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "header of"));
	header.checksum = vars_header_checksum(&header);
	poke(path, 0, &header, sizeof(header));
	check_eq(holds(path), 2);
	check_eq(truncate(path, FILE_BYTES - 1), 0);
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "bytes, and not"));
	header.store_bytes = STORE + 4096;
	header.checksum = vars_header_checksum(&header);
	poke(path, 0, &header, sizeof(header));
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "for firmware with 16384 bytes"));
	folder_remove(&f);
}

/* Nobody comes that far, but a file can say so. */
TEST(a_sequence_at_its_end_begins_anew)
{
	struct vars_copy copy = {.sequence = UINT64_MAX - 1};
	struct folder f;
	const char *path;

	folder_make(&f);
	path = make_file(&f);
	fill(2);
	copy.checksum = vars_copy_checksum(&copy, store, STORE);
	poke(path, vars_copy_offset(STORE, 0), &copy, sizeof(copy));
	fill(1);
	copy.sequence++;
	copy.checksum = vars_copy_checksum(&copy, store, STORE);
	poke(path, vars_copy_offset(STORE, 1), &copy, sizeof(copy));
	for (u8 i = 3; i < 7; i++) {
		check_eq(open_store(path), 0);
		check_eq(vars.sequence, (u64)i - 4);
		fill(i);
		check_eq(vars_file_put(&vars, store), 0);
		vars_file_close(&vars);
		check_eq(holds(path), i);
	}
	folder_remove(&f);
}

TEST(a_damaged_copy_gives_way_to_the_other_one)
{
	struct folder f;
	const char *path;
	u32 newer;

	folder_make(&f);
	path = make_file(&f);
	check_eq(open_store(path), 0);
	newer = vars.copy;
	vars_file_close(&vars);
	poke(path, vars_copy_offset(STORE, newer) + VARS_FILE_PAGE + 4711, "x",
	     1);
	check_eq(holds(path), 1);
	poke(path, vars_copy_offset(STORE, 1 - newer) + 3, "x", 1);
	check_eq(open_store(path), -EINVAL);
	check(strstr(fault.text[0], "both copies"));
	folder_remove(&f);
}

/* The host's power goes away when some of a put has reached the disk. */
TEST(a_put_that_was_cut_leaves_the_old_or_the_new)
{
	static u8 before[FILE_BYTES], after[FILE_BYTES];
	struct folder f;
	const char *path;
	u32 old = 0, new = 0;

	folder_make(&f);
	path = make_file(&f);
	read_image(path, before);
	check_eq(open_store(path), 0);
	fill(3);
	check_eq(vars_file_put(&vars, store), 0);
	vars_file_close(&vars);
	read_image(path, after);
	for (u64 cut = 0; cut <= FILE_BYTES; cut += 509) {
		int from_front, from_back;

		poke(path, 0, after, cut);
		poke(path, cut, before + cut, FILE_BYTES - cut);
		from_front = holds(path);
		poke(path, 0, before, cut);
		poke(path, cut, after + cut, FILE_BYTES - cut);
		from_back = holds(path);
		check(from_front == 2 || from_front == 3);
		check(from_back == 2 || from_back == 3);
		old += from_front == 2;
		new += from_back == 3;
	}
	check(old && new);
	folder_remove(&f);
}

/* Puts for ever, and says so each time. */
static no_return void put_until_killed(const char *path, int out)
{
	struct vars_file mine;
	u8 value = 2;

	if (vars_file_open(&mine, path, store, STORE, NULL))
		_exit(1);
	for (;;) {
		fill(++value);
		if (vars_file_put(&mine, store) || write(out, &value, 1) != 1)
			_exit(1);
	}
}

TEST(a_program_that_is_killed_leaves_the_old_or_the_new)
{
	struct folder f;
	const char *path;

	folder_make(&f);
	path = make_file(&f);
	for (u32 round = 0; round < 20; round++) {
		int wire[2], status, held;
		u8 last = 0;
		pid_t pid;

		check_eq(pipe(wire), 0);
		pid = fork();
		if (!pid)
			put_until_killed(path, wire[1]);
		close(wire[1]);
		for (u32 i = 0; i <= round; i++)
			check_eq(read(wire[0], &last, 1), 1);
		check_eq(kill(pid, SIGKILL), 0);
		check_eq(waitpid(pid, &status, 0), pid);
		while (read(wire[0], &last, 1) == 1)
			; /* those before the kill */
		close(wire[0]);
		held = holds(path);
		/* What it has said, or the one that it could not say. */
		check(held == last || held == (u8)(last + 1));
	}
	folder_remove(&f);
}
