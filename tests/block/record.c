/* SPDX-License-Identifier: MIT */
/*
 * A library to be preloaded under tests/block/io: writes down all that changes
 * files, for tests/block/cut.py to lose some of it.
 *
 * KEEL_RECORD names the log. A record is u8 kind, u64 offset, u64 size, and for
 * a write its bytes. It is added when the call has ended: 'w' write, 'z' zeros
 * (a hole or a zero range), 'e' end of file at least there, 't' end of file,
 * 's' sync, whose offset is the number of records when it began; 'm' a mark,
 * which is a write to file -1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/raw.h"
#include "base/types.h"

static struct {
	pthread_mutex_t lock;
	int fd;
	u64 count;
} record = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void put(const void *data, u64 size)
{
	const char *at = data;

	while (size) {
		long n = raw_call(SYS_write, (u64)record.fd, raw_address(at),
				  size, 0, 0, 0);

		if (n <= 0)
			_exit(99);
		at += n;
		size -= (u64)n;
	}
}

static void start(char kind, u64 offset, u64 size)
{
	const char *path = getenv("KEEL_RECORD");

	pthread_mutex_lock(&record.lock);
	if (!record.fd && path)
		record.fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC,
				 0600);
	if (record.fd <= 0)
		_exit(98);
	record.count++;
	put(&kind, 1);
	put(&offset, 8);
	put(&size, 8);
}

static void end(void)
{
	pthread_mutex_unlock(&record.lock);
}

static void add(char kind, u64 offset, u64 size)
{
	start(kind, offset, size);
	end();
}

static long answer(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	long rc = fd < 0 ? -EBADF
			 : raw_call(SYS_pwrite64, (u64)fd, raw_address(data),
				    size, (u64)offset, 0, 0);

	if (rc > 0 || fd < 0) {
		u64 n = fd < 0 ? size : (u64)rc;

		start(fd < 0 ? 'm' : 'w', (u64)offset, n);
		put(data, n);
		end();
	}
	return answer(rc);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	long rc = raw_call(SYS_pwritev, (u64)fd, raw_address(iov), (u64)count,
			   (u64)offset, 0, 0);
	u64 left = rc > 0 ? (u64)rc : 0;

	if (rc > 0) {
		start('w', (u64)offset, left);
		for (int i = 0; i < count && left; i++) {
			u64 n = MIN((u64)iov[i].iov_len, left);

			put(iov[i].iov_base, n);
			left -= n;
		}
		end();
	}
	return answer(rc);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	long rc = raw_call(SYS_fallocate, (u64)fd, (u64)mode, (u64)offset,
			   (u64)size, 0, 0);

	if (!rc && mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		add('z', (u64)offset, (u64)size);
	if (!rc && !(mode & FALLOC_FL_KEEP_SIZE))
		add('e', (u64)(offset + size), 0);
	return (int)answer(rc);
}

int ftruncate(int fd, off_t size)
{
	long rc = raw_call(SYS_ftruncate, (u64)fd, (u64)size, 0, 0, 0, 0);

	if (!rc)
		add('t', (u64)size, 0);
	return (int)answer(rc);
}

int fdatasync(int fd)
{
	u64 began;
	long rc;

	pthread_mutex_lock(&record.lock);
	began = record.count;
	pthread_mutex_unlock(&record.lock);
	rc = raw_call(SYS_fdatasync, (u64)fd, 0, 0, 0, 0, 0);
	if (!rc)
		add('s', began, 0);
	return (int)answer(rc);
}
