/* SPDX-License-Identifier: MIT */
/* File descriptors: see fd.h. */
#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

void fd_close(int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		/* Linux frees the number even when close reports an error. */
		(void)close(*fd);
	*fd = -1;
	errno = saved_errno;
}

void fd_close_auto(int *fd)
{
	fd_close(fd);
}

void mem_free_auto(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

int fd_open(const char *path, int flags, unsigned int mode)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? trace_err(-errno) : fd;
}

int fd_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? trace_err(-errno) : fd;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return trace_err(-errno);
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? trace_err(-errno) : 0;
}

int read_full(int fd, void *data, size_t size)
{
	u8 *at = data;

	while (size) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return trace_err(n ? -errno : -EIO);
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int write_full(int fd, const void *data, size_t size)
{
	const u8 *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_err(-errno);
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int pread_full(int fd, void *data, size_t size, u64 offset)
{
	u8 *at = data;

	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return trace_err(n ? -errno : -EIO);
		at += n;
		offset += (u64)n;
		size -= (size_t)n;
	}
	return 0;
}

int pwrite_full(int fd, const void *data, size_t size, u64 offset)
{
	const u8 *at = data;

	while (size) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_err(-errno);
		at += n;
		offset += (u64)n;
		size -= (size_t)n;
	}
	return 0;
}

int file_read(const char *path, size_t max, void **ret_data, size_t *ret_size)
{
	auto_close int fd = fd_open(path, O_RDONLY, 0);
	auto_free void *data = NULL;
	struct stat st;
	int err;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return trace_err(-errno);
	if (!S_ISREG(st.st_mode))
		return trace_err(-EINVAL);
	if ((u64)st.st_size > max)
		return trace_err(-EFBIG);
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return trace_err(-ENOMEM);
	err = read_full(fd, data, (size_t)st.st_size);
	if (err)
		return err;
	*ret_data = data;
	*ret_size = (size_t)st.st_size;
	data = NULL;
	return 0;
}
