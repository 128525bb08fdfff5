/* SPDX-License-Identifier: MIT */
/* Asynchronous I/O: the choice between the two ways, see aio.h. */
#include "vmm/block/aio.h"

#include <assert.h>
#include <limits.h>

int aio_create(enum aio_kind kind, int event_fd, struct aio **ret_aio)
{
	int err = -1;

	if (kind != AIO_THREADS)
		err = aio_uring_create(event_fd, ret_aio);
	if (err && kind != AIO_URING)
		err = aio_threads_create(event_fd, ret_aio);
	return err;
}

void aio_free(struct aio *aio)
{
	if (aio)
		aio->class->free(aio);
}

void aio_submit(struct aio *aio, struct aio_op *op)
{
	assert(op->iov_count >= 1 && op->iov_count <= IOV_MAX && op->done);
	aio->class->submit(aio, op);
}

void aio_kick(struct aio *aio)
{
	aio->class->kick(aio);
}

void aio_reap(struct aio *aio)
{
	aio->class->reap(aio);
}

const char *aio_name(const struct aio *aio)
{
	return aio->class->name;
}
