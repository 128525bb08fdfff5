/* SPDX-License-Identifier: MIT */
/* Disks under the system calls that the jail leaves to each of their threads. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "vmm/block/block.h"
#include "vmm/block/disk.h"
#include "vmm/block/harness_folder.h"
#include "vmm/jail/policy.h"

enum { CANNOT_JAIL = 20, CANNOT_OPEN };

/* From now on this thread is ended, and the process, by any other call. */
static bool enter_jail(enum jail_role role)
{
	static struct filter filter;
	struct sock_fprog program = {};

	policy_make(role, "soft", SECCOMP_RET_KILL_PROCESS, &filter);
	program.len = filter.count;
	program.filter = filter.insn;
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A worker may end its thread, which is all there is; the loop the process. */
static no_return void leave_worker(int status)
{
	for (;;)
		syscall(SYS_exit, status);
}

/* Runs `act` in a process of its own; skips where it cannot run. */
static void in_a_child(void (*act)(const char *path), const char *path)
{
	pid_t child = fork();
	int status;

	check(child >= 0);
	if (!child)
		act(path);
	check_eq(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_JAIL)
		skip("no seccomp here");
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_OPEN)
		skip("this file system takes no O_DIRECT");
	check_eq(status, 0);
}

static void work_on_direct(const char *path)
{
	const struct disk_config config = {
		.path = path,
		.discard = true,
		.file_flags = BLOCK_FILE_DIRECT,
	};
	static u8 data[8192];
	struct disk *disk;
	int err;

	if (disk_open(&config, &disk, NULL))
		_exit(CANNOT_OPEN);
	if (!enter_jail(JAIL_WORKER))
		_exit(CANNOT_JAIL);
	memset(data, 5, sizeof(data));
	err = disk_write(disk, 512, data, sizeof(data));
	err |= disk_flush(disk);
	err |= disk_zero(disk, 512, 1024, true);
	err |= disk_discard(disk, 0, disk->size_bytes);
	err |= disk_flush(disk);
	err |= disk_read(disk, 0, data, sizeof(data));
	leave_worker(err ? 1 : 0);
}

TEST(a_jailed_worker_writes_past_the_cache_whatever_the_alignment)
{
	struct folder f;

	folder_make(&f);
	in_a_child(work_on_direct,
		   folder_qcow2(&f, "d.qcow2", 1 * MiB, 64 * KiB, NULL, NULL));
	in_a_child(work_on_direct, folder_file(&f, "d.img", "", 0, 1 * MiB));
	folder_remove(&f);
}

static void on_done(struct block_request *request, int err)
{
	*(int *)request->ctx = err;
}

static void run(struct block *block, enum block_op op, const struct iovec *iov)
{
	int err = -1;
	struct block_request request = {
		.op = op,
		.size_bytes = 64 * KiB,
		.iov = iov,
		.iov_count = iov ? 1 : 0,
		.done = on_done,
		.ctx = &err,
	};

	block_submit(block, &request);
	block_drain(block);
	if (err)
		_exit(1);
}

static void close_in_jail(const char *path)
{
	const struct block_config config = {.path = path, .discard = true};
	static u8 data[64 * KiB];
	const struct iovec iov = {data, sizeof(data)};
	struct block *block;
	struct loop *loop;

	if (loop_create(&loop) || block_open(&config, loop, &block, NULL))
		_exit(1);
	if (!enter_jail(JAIL_IO))
		_exit(CANNOT_JAIL);
	run(block, BLOCK_WRITE, &iov);
	run(block, BLOCK_FLUSH, NULL);
	run(block, BLOCK_DISCARD, NULL);
	block_close(block); /* gives the host's space back */
	_exit(0);
}

TEST(a_jailed_loop_closes_a_disk_that_has_discarded)
{
	struct folder f;

	folder_make(&f);
	in_a_child(close_in_jail,
		   folder_qcow2(&f, "d.qcow2", 1 * MiB, 64 * KiB, NULL, NULL));
	folder_remove(&f);
}
