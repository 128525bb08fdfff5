/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous reads and writes of files: io_uring where the host lets us,
 * else a few threads that do the same. Everything belongs to one thread, the
 * one that reaps; an eventfd of the caller's rings when there is something to
 * reap.
 */
#ifndef VMM_BLOCK_AIO_H
#define VMM_BLOCK_AIO_H

#include <sys/uio.h>

#include "base/list.h"
#include "base/types.h"

enum aio_kind {
	AIO_AUTO, /* io_uring, or threads where that cannot be had */
	AIO_URING,
	AIO_THREADS,
};

/* One operation; in place from aio_submit until `done` is called. */
struct aio_op {
	bool write;
	int fd;
	u64 offset_bytes;
	const struct iovec *iov; /* borrowed until done */
	u32 iov_count;		 /* 1..IOV_MAX */
	/* Bytes moved, which may be fewer than asked, or -errno. */
	void (*done)(struct aio_op *op, s64 result);

	struct list link; /* aio's own, as is result */
	s64 result;
};

struct aio;

/*
 * `event_fd` is borrowed. -ENOMEM, -EAGAIN (no thread), or with AIO_URING what
 * the kernel says where it is not to be had.
 */
must_check int aio_create(enum aio_kind kind, int event_fd,
			  struct aio **ret_aio);

/* Nothing may be in flight. Accepts NULL. */
void aio_free(struct aio *aio);

/* Takes the operation; it starts at the latest at aio_kick. */
void aio_submit(struct aio *aio, struct aio_op *op);
void aio_kick(struct aio *aio);

/* Calls `done` for each operation that has ended. */
void aio_reap(struct aio *aio);

/* "io_uring" or "threads". */
const char *aio_name(const struct aio *aio);

/* ---- what the two ways are made of ---- */

struct aio_class {
	const char *name;
	void (*submit)(struct aio *aio, struct aio_op *op);
	void (*kick)(struct aio *aio);
	void (*reap)(struct aio *aio);
	void (*free)(struct aio *aio);
};

struct aio {
	const struct aio_class *class;
};

must_check int aio_uring_create(int event_fd, struct aio **ret_aio);
must_check int aio_threads_create(int event_fd, struct aio **ret_aio);

#endif
