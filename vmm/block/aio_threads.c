/* SPDX-License-Identifier: MIT */
/* Asynchronous I/O by threads that wait: for hosts without io_uring. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/thread.h"
#include "vmm/block/aio.h"

/* What a disk of today has in flight with profit when each waits in a call. */
#define THREADS 8

struct aio_threads {
	struct aio aio;
	int event_fd; /* borrowed */
	struct thread thread[THREADS];
	u32 thread_count;
	struct list fresh; /* submitted and not yet kicked; the owner's */

	struct mutex lock; /* guards what follows */
	struct cond wake;
	struct list todo, ended; /* struct aio_op */
	bool stop;
};

static struct aio_threads *threads_of(struct aio *aio)
{
	return container_of(aio, struct aio_threads, aio);
}

/* needs: worker: preadv? pwritev? */
static s64 run_op(const struct aio_op *op)
{
	ssize_t n;

	do
		n = op->write ? pwritev(op->fd, op->iov, (int)op->iov_count,
					(off_t)op->offset_bytes)
			      : preadv(op->fd, op->iov, (int)op->iov_count,
				       (off_t)op->offset_bytes);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void ring(struct aio_threads *t)
{
	u64 one = 1;

	/* A full counter (EAGAIN) rings just as well. */
	(void)!write(t->event_fd, &one, sizeof(one));
}

static void thread_main(void *ctx)
{
	struct aio_threads *t = ctx;

	mutex_lock(&t->lock);
	for (;;) {
		struct aio_op *op;

		while (!t->stop && list_empty(&t->todo))
			cond_wait(&t->wake, &t->lock);
		if (t->stop)
			break;
		op = list_first(&t->todo, struct aio_op, link);
		list_del(&op->link);
		mutex_unlock(&t->lock);
		op->result = run_op(op);
		mutex_lock(&t->lock);
		list_add_tail(&t->ended, &op->link);
		ring(t);
	}
	mutex_unlock(&t->lock);
}

static void threads_submit(struct aio *aio, struct aio_op *op)
{
	list_add_tail(&threads_of(aio)->fresh, &op->link);
}

static void threads_kick(struct aio *aio)
{
	struct aio_threads *t = threads_of(aio);

	if (list_empty(&t->fresh))
		return;
	mutex_lock(&t->lock);
	while (!list_empty(&t->fresh)) {
		struct list *first = t->fresh.next;

		list_del(first);
		list_add_tail(&t->todo, first);
		cond_wake_one(&t->wake);
	}
	mutex_unlock(&t->lock);
}

static struct aio_op *take_ended(struct aio_threads *t)
{
	struct aio_op *op = NULL;

	mutex_lock(&t->lock);
	if (!list_empty(&t->ended)) {
		op = list_first(&t->ended, struct aio_op, link);
		list_del(&op->link);
	}
	mutex_unlock(&t->lock);
	return op;
}

static void threads_reap(struct aio *aio)
{
	struct aio_op *op;

	while ((op = take_ended(threads_of(aio))))
		op->done(op, op->result);
}

static void threads_free(struct aio *aio)
{
	struct aio_threads *t = threads_of(aio);

	mutex_lock(&t->lock);
	assert(list_empty(&t->todo) && list_empty(&t->ended));
	t->stop = true;
	cond_wake_all(&t->wake);
	mutex_unlock(&t->lock);
	for (u32 i = 0; i < t->thread_count; i++)
		thread_join(&t->thread[i]);
	cond_release(&t->wake);
	mutex_release(&t->lock);
	free(t);
}

static const struct aio_class threads_class = {
	.name = "threads",
	.submit = threads_submit,
	.kick = threads_kick,
	.reap = threads_reap,
	.free = threads_free,
};

int aio_threads_create(int event_fd, struct aio **ret_aio)
{
	struct aio_threads *t = calloc(1, sizeof(*t));

	if (!t)
		return trace_err(-ENOMEM);
	t->aio.class = &threads_class;
	t->event_fd = event_fd;
	list_init(&t->fresh);
	list_init(&t->todo);
	list_init(&t->ended);
	mutex_init(&t->lock);
	cond_init(&t->wake);
	while (t->thread_count < THREADS) {
		int err = thread_start(&t->thread[t->thread_count], "disk-io",
				       thread_main, t);

		if (err) {
			threads_free(&t->aio);
			return err;
		}
		t->thread_count++;
	}
	*ret_aio = &t->aio;
	return 0;
}
