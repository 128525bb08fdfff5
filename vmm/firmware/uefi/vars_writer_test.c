/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/uefi/vars_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "vmm/block/harness_folder.h"

#define STORE ((u64)2 * 4096)
#define NEVER ((u64)3600 * 1000000000) /* a test does not take that long */

static struct {
	struct folder folder;
	const char *path;
	struct vars_file file;
	struct vars_writer writer;
	u8 store[STORE];
} t;

static void begin(u64 settle_ns, u64 pause_ns)
{
	memset(&t, 0, sizeof(t));
	folder_make(&t.folder);
	t.path = folder_path(&t.folder, "vars");
	check_eq(vars_file_open(&t.file, t.path, t.store, STORE, NULL), 0);
	check_eq(vars_writer_init(&t.writer, &t.file, t.store), 0);
	t.writer.settle_ns = settle_ns;
	t.writer.pause_ns = pause_ns;
}

static void set(u64 at, u8 value)
{
	t.store[at] = value;
	vars_writer_note(&t.writer, at, &t.store[at], 1);
}

/* How often the file was written; and it holds the store. */
static u64 end(void)
{
	u8 found[STORE];
	u64 sequence;

	vars_writer_release(&t.writer);
	vars_file_close(&t.file);
	check_eq(vars_file_open(&t.file, t.path, found, STORE, NULL), 0);
	check_mem_eq(found, t.store, STORE);
	sequence = t.file.sequence;
	vars_file_close(&t.file);
	folder_remove(&t.folder);
	return sequence - 2;
}

TEST(a_guest_that_writes_in_a_loop_writes_the_file_once)
{
	begin(NEVER, NEVER);
	check_eq(vars_writer_start(&t.writer), 0);
	for (u32 i = 0; i < 100000; i++)
		set(i % STORE, (u8)i);
	check_eq(end(), 1);
}

TEST(without_changes_nothing_is_written)
{
	begin(0, 0);
	check_eq(vars_writer_start(&t.writer), 0);
	check_eq(end(), 0);
}

static u64 sequence_now(void)
{
	struct block_file file;
	struct vars_copy copy[2];

	check_eq(block_file_open(&file, t.path, BLOCK_FILE_SHARE, NULL), 0);
	for (u32 i = 0; i < 2; i++)
		check_eq(block_file_read(&file, vars_copy_offset(STORE, i),
					 &copy[i], sizeof(copy[i])),
			 0);
	block_file_close(&file);
	return MAX(copy[0].sequence, copy[1].sequence);
}

TEST(a_change_is_written_while_the_machine_runs_and_then_there_is_a_pause)
{
	begin(0, NEVER);
	check_eq(vars_writer_start(&t.writer), 0);
	set(17, 1);
	while (sequence_now() == 2)
		;
	for (u32 i = 0; i < 1000; i++)
		set(i, 2);
	/* Once when there was a change, once at the end. */
	check_eq(end(), 2);
}

TEST(what_is_noted_before_the_thread_starts_is_written_too)
{
	begin(NEVER, NEVER);
	set(3, 5);
	check_eq(vars_writer_start(&t.writer), 0);
	check_eq(end(), 1);
}

TEST(it_may_end_before_it_has_started)
{
	begin(0, 0);
	check_eq(end(), 0);
	vars_writer_release(&t.writer);
}

/* The host refuses, as it does with a full disk; what to give back. */
static int let_fail(void)
{
	int fd = t.file.file.fd;

	t.file.file.fd = fd_open(t.path, O_RDONLY, 0);
	check(t.file.file.fd >= 0);
	return fd;
}

/* With the lock held: it has tried, and waits for another time. */
static bool has_failed_locked(void)
{
	return t.writer.earliest_ns && t.writer.dirty;
}

static void wait_until_failed(void)
{
	u64 end_ns = clock_now_ns() + 60 * (u64)1000000000;
	bool failed = false;

	while (!failed) {
		check(clock_now_ns() < end_ns);
		mutex_lock(&t.writer.lock);
		failed = has_failed_locked();
		mutex_unlock(&t.writer.lock);
	}
}

TEST(what_could_not_be_written_is_written_when_the_host_can)
{
	int good;

	begin(0, NEVER);
	good = let_fail();
	check_eq(vars_writer_start(&t.writer), 0);
	set(17, 1);
	wait_until_failed();
	mutex_lock(&t.writer.lock);
	fd_close(&t.file.file.fd);
	t.file.file.fd = good;
	mutex_unlock(&t.writer.lock);
	check_eq(end(), 1);
}

TEST(it_ends_when_the_host_never_can)
{
	int good;

	begin(0, 0);
	good = let_fail();
	check_eq(vars_writer_start(&t.writer), 0);
	set(17, 1);
	vars_writer_release(&t.writer);
	check_eq(t.file.sequence, 2);
	vars_file_close(&t.file);
	close(good);
	folder_remove(&t.folder);
}
