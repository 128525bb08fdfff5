/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous I/O by io_uring. At most RING_ENTRIES operations are with the
 * kernel, so that its completion queue never overflows; others wait here.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "vmm/block/aio.h"

#define RING_ENTRIES 128

struct aio_uring {
	struct aio aio;
	struct io_uring ring;
	u32 in_flight;	     /* prepared or with the kernel */
	struct list waiting; /* struct aio_op */
};

static struct aio_uring *uring_of(struct aio *aio)
{
	return container_of(aio, struct aio_uring, aio);
}

static void prepare(struct aio_uring *u, struct aio_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	/* There are as many entries as operations in flight. */
	assert(sqe);
	if (op->write)
		io_uring_prep_writev(sqe, op->fd, op->iov, op->iov_count,
				     op->offset_bytes);
	else
		io_uring_prep_readv(sqe, op->fd, op->iov, op->iov_count,
				    op->offset_bytes);
	io_uring_sqe_set_data(sqe, op);
	u->in_flight++;
}

static void uring_submit(struct aio *aio, struct aio_op *op)
{
	struct aio_uring *u = uring_of(aio);

	if (u->in_flight < RING_ENTRIES && list_empty(&u->waiting))
		prepare(u, op);
	else
		list_add_tail(&u->waiting, &op->link);
}

/* needs: io: io_uring_enter? */
static void uring_kick(struct aio *aio)
{
	struct aio_uring *u = uring_of(aio);

	int rc;

	/* A signal or want of memory (-EAGAIN) passes; what cannot be handed
	 * over now goes with the next completion. */
	while (io_uring_sq_ready(&u->ring)) {
		rc = io_uring_submit(&u->ring);
		if (rc < 0 && rc != -EINTR && rc != -EAGAIN)
			break;
	}
}

static void uring_reap(struct aio *aio)
{
	struct aio_uring *u = uring_of(aio);
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&u->ring, &cqe)) {
		struct aio_op *op = io_uring_cqe_get_data(cqe);
		s64 result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		assert(u->in_flight);
		u->in_flight--;
		op->done(op, result);
	}
	while (!list_empty(&u->waiting) && u->in_flight < RING_ENTRIES) {
		struct aio_op *op = list_first(&u->waiting, struct aio_op, link);

		list_del(&op->link);
		prepare(u, op);
	}
	uring_kick(aio);
}

static void uring_free(struct aio *aio)
{
	struct aio_uring *u = uring_of(aio);

	assert(!u->in_flight && list_empty(&u->waiting));
	io_uring_queue_exit(&u->ring);
	free(u);
}

static const struct aio_class uring_class = {
	.name = "io_uring",
	.submit = uring_submit,
	.kick = uring_kick,
	.reap = uring_reap,
	.free = uring_free,
};

/*
 * Who has taken the process over could ask the ring for what the jail's filters
 * refuse: they do not see it. So it reads and writes, for good; a kernel that
 * cannot promise that gets threads instead. [io_uring_register(2)
 * IORING_REGISTER_RESTRICTIONS]
 */
static int restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction allowed[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV},
	};

	/* By hand: Debian's liburing has these only in its header. */
	if (syscall(SYS_io_uring_register, ring->ring_fd,
		    IORING_REGISTER_RESTRICTIONS, allowed, ARRAY_SIZE(allowed)) ||
	    syscall(SYS_io_uring_register, ring->ring_fd,
		    IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return -errno;
	return 0;
}

int aio_uring_create(int event_fd, struct aio **ret_aio)
{
	struct aio_uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return trace_err(-ENOMEM);
	u->aio.class = &uring_class;
	list_init(&u->waiting);
	err = io_uring_queue_init(RING_ENTRIES, &u->ring,
				  IORING_SETUP_R_DISABLED);
	if (err) {
		free(u);
		return trace_err(err);
	}
	err = io_uring_register_eventfd(&u->ring, event_fd);
	if (!err)
		err = restrict_ring(&u->ring);
	if (err) {
		uring_free(&u->aio);
		return trace_err(err);
	}
	*ret_aio = &u->aio;
	return 0;
}
