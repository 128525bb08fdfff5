/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: whole reads and writes, scope-local closing, and opening
 * with O_CLOEXEC always. Functions return 0, a count or an fd, or -errno of
 * the system call underneath. EINTR is retried inside.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/types.h"

/* auto_close int fd = -1;   auto_free char *text = NULL; */
#define auto_close __attribute__((cleanup(fd_close_auto)))
#define auto_free  __attribute__((cleanup(mem_free_auto)))

void fd_close_auto(int *fd);
void mem_free_auto(void *pointer_to_pointer);

/* Closes *fd if it is not negative and makes it -1. Keeps errno. */
void fd_close(int *fd);

/* open(2) with O_CLOEXEC added; `mode` matters with O_CREAT only. */
must_check int fd_open(const char *path, int flags, unsigned int mode);

/* An eventfd, close-on-exec and non-blocking, count 0. */
must_check int fd_eventfd(void);

must_check int fd_set_nonblock(int fd, bool on);

/* All of `size` bytes, or -EIO at an early end of file, or -errno. */
must_check int read_full(int fd, void *data, size_t size);
must_check int write_full(int fd, const void *data, size_t size);
must_check int pread_full(int fd, void *data, size_t size, u64 offset);
must_check int pwrite_full(int fd, const void *data, size_t size, u64 offset);

/*
 * A whole regular file of at most `max` bytes into fresh memory, which the
 * caller frees. -EFBIG when larger, -ENOMEM, -EINVAL when not a regular file.
 */
must_check int file_read(const char *path, size_t max, void **ret_data,
			 size_t *ret_size);

#endif
