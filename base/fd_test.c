/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/harness_fault.h"
#include "base/test.h"

/* A fresh file that exists only as a descriptor. */
static int temporary(void)
{
	char path[] = "/tmp/keel-fd-test-XXXXXX";
	int fd = mkstemp(path);

	check(fd >= 0);
	check_eq(unlink(path), 0);
	return fd;
}

TEST(a_short_file_ends_a_full_read_with_eio)
{
	auto_close int fd = temporary();
	char data[8];

	check_eq(pwrite_full(fd, "12345678", 8, 0), 0);
	check_eq(pread_full(fd, data, 8, 0), 0);
	check_mem_eq(data, "12345678", 8);
	check_eq(pread_full(fd, data, 8, 1), -EIO);
	check_eq(lseek(fd, 4, SEEK_SET), 4);
	check_eq(read_full(fd, data, 5), -EIO);
}

TEST(a_full_write_loops_over_a_pipe_that_takes_little_at_a_time)
{
	static char sent[200000], received[sizeof(sent)];
	int ends[2];
	pid_t child;

	memset(sent, 'x', sizeof(sent));
	check_eq(pipe(ends), 0);
	child = fork();
	check(child >= 0);
	if (!child)
		_exit(write_full(ends[1], sent, sizeof(sent)) != 0);
	check_eq(read_full(ends[0], received, sizeof(received)), 0);
	check_mem_eq(received, sent, sizeof(sent));
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

TEST(opened_files_do_not_leak_into_children)
{
	auto_close int fd = fd_open("/dev/null", O_RDONLY, 0);
	auto_close int event = fd_eventfd();

	check(fd >= 0 && event >= 0);
	check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check(fcntl(event, F_GETFD) & FD_CLOEXEC);
}

TEST(closing_resets_the_number_and_minus_one_is_fine)
{
	int fd = fd_open("/dev/null", O_RDONLY, 0);

	check(fd >= 0);
	fd_close(&fd);
	check_eq(fd, -1);
	fd_close(&fd);
}

TEST(reading_a_file_refuses_what_is_too_large_missing_or_not_a_file)
{
	void *data = NULL;
	size_t size;

	check_eq(file_read("/nonexistent/x", 10, &data, &size), -ENOENT);
	check_eq(file_read("/tmp", 10, &data, &size), -EINVAL);
	check_eq(file_read("/proc/self/exe", 10, &data, &size), -EFBIG);
	check(!data);
	alloc_fail_at(1);
	check_eq(file_read("/proc/self/exe", 1 << 28, &data, &size), -ENOMEM);
	check(!data);
	check_eq(file_read("/proc/self/exe", 1 << 28, &data, &size), 0);
	check_mem_eq(data, "\177ELF", 4);
	free(data);
}
