/* SPDX-License-Identifier: MIT */
/*
 * The event loop: see loop.h. One epoll instance holds the watches, a timerfd
 * armed for the earliest timer, and an eventfd that posts and stops ring.
 * Timers are a list sorted by deadline: a machine has a handful of them.
 */
#include "base/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/thread.h"

#define LOOP_BATCH_MAX 32

struct loop {
	int epoll_fd, timer_fd, wake_fd; /* owned */
	struct loop_watch timer_watch, wake_watch;
	struct list timers; /* struct loop_timer, earliest first */
	u64 armed_ns;	    /* what timer_fd is set to; 0 = off */
	bool stop;	    /* atomic */

	/* The events being delivered, so that a removal can void its own. */
	struct epoll_event batch[LOOP_BATCH_MAX];
	int batch_count;

	struct mutex lock; /* guards works, and the link of each in it */
	struct list works; /* struct loop_work */
};

static void on_timer_fd(struct loop_watch *watch, u32 events);
static void on_wake_fd(struct loop_watch *watch, u32 events);

static int loop_open_fds(struct loop *loop)
{
	int err;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return trace_err(-errno);
	loop->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_fd < 0)
		return trace_err(-errno);
	loop->wake_fd = fd_eventfd();
	if (loop->wake_fd < 0)
		return loop->wake_fd;
	loop->timer_watch =
		(struct loop_watch){loop->timer_fd, EPOLLIN, on_timer_fd, loop};
	loop->wake_watch =
		(struct loop_watch){loop->wake_fd, EPOLLIN, on_wake_fd, loop};
	err = loop_watch_add(loop, &loop->timer_watch);
	return err ? err : loop_watch_add(loop, &loop->wake_watch);
}

int loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return trace_err(-ENOMEM);
	loop->epoll_fd = loop->timer_fd = loop->wake_fd = -1;
	list_init(&loop->timers);
	list_init(&loop->works);
	mutex_init(&loop->lock);
	err = loop_open_fds(loop);
	if (err) {
		loop_free(loop);
		return err;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	assert(list_empty(&loop->timers));
	assert(list_empty(&loop->works));
	fd_close(&loop->wake_fd);
	fd_close(&loop->timer_fd);
	fd_close(&loop->epoll_fd);
	mutex_release(&loop->lock);
	free(loop);
}

/* ---- file descriptors ---- */

/* needs: io: epoll_ctl */
int loop_watch_add(struct loop *loop, struct loop_watch *watch)
{
	struct epoll_event event = {
		.events = watch->events,
		.data.ptr = watch,
	};

	assert(watch->fd >= 0 && watch->fn);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return trace_err(-errno);
	return 0;
}

int loop_watch_modify(struct loop *loop, struct loop_watch *watch, u32 events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return trace_err(-errno);
	watch->events = events;
	return 0;
}

void loop_watch_del(struct loop *loop, struct loop_watch *watch)
{
	int err = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);

	assert(!err);
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

/* ---- timers ---- */

/* Brings timer_fd in line with the earliest timer. */
/* needs: io: timerfd_settime */
static void timer_arm(struct loop *loop)
{
	struct itimerspec spec = {};
	u64 at_ns = 0;
	int err;

	if (!list_empty(&loop->timers))
		/* Zero would mean "off"; the past fires at once. */
		at_ns = MAX(list_first(&loop->timers, struct loop_timer, link)
				    ->deadline_ns,
			    (u64)1);
	if (at_ns == loop->armed_ns)
		return;
	spec.it_value.tv_sec = (time_t)(at_ns / NS_PER_S);
	spec.it_value.tv_nsec = (long)(at_ns % NS_PER_S);
	err = timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	assert(!err);
	loop->armed_ns = at_ns;
}

void loop_timer_init(struct loop_timer *timer,
		     void (*fn)(struct loop_timer *timer), void *ctx)
{
	*timer = (struct loop_timer){.fn = fn, .ctx = ctx};
	list_init(&timer->link);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return !list_empty(&timer->link);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, u64 deadline_ns)
{
	struct list *place;

	assert(timer->fn);
	list_del(&timer->link);
	timer->deadline_ns = deadline_ns;
	for (place = loop->timers.next; place != &loop->timers;
	     place = place->next)
		if (list_entry(place, struct loop_timer, link)->deadline_ns >
		    deadline_ns)
			break;
	list_insert_before(place, &timer->link);
	timer_arm(loop);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (!loop_timer_is_set(timer))
		return;
	list_del(&timer->link);
	timer_arm(loop);
}

/* needs: io: read */
static void on_timer_fd(struct loop_watch *watch, u32 events)
{
	struct loop *loop = watch->ctx;
	u64 now_ns = clock_now_ns();
	u64 expirations;

	(void)events;
	/* Only empties the fd; EAGAIN after a re-arm is fine. */
	(void)!read(loop->timer_fd, &expirations, sizeof(expirations));
	loop->armed_ns = 0;
	/* Timers set meanwhile for the past wait for the next round. */
	while (!list_empty(&loop->timers)) {
		struct loop_timer *timer =
			list_first(&loop->timers, struct loop_timer, link);

		if (timer->deadline_ns > now_ns)
			break;
		list_del(&timer->link);
		timer->fn(timer);
	}
	loop->armed_ns = UINT64_MAX;
	timer_arm(loop);
}

/* ---- work from other threads ---- */

static void ring(struct loop *loop)
{
	u64 one = 1;

	/* A full counter (EAGAIN) rings just as well. */
	(void)!write(loop->wake_fd, &one, sizeof(one));
}

void loop_work_init(struct loop_work *work, void (*fn)(struct loop_work *work),
		    void *ctx)
{
	*work = (struct loop_work){.fn = fn, .ctx = ctx};
	list_init(&work->link);
}

void loop_post(struct loop *loop, struct loop_work *work)
{
	bool was_empty, fresh;

	assert(work->fn);
	mutex_lock(&loop->lock);
	was_empty = list_empty(&loop->works);
	fresh = list_empty(&work->link);
	if (fresh)
		list_add_tail(&loop->works, &work->link);
	mutex_unlock(&loop->lock);
	if (was_empty && fresh)
		ring(loop);
}

void loop_work_cancel(struct loop *loop, struct loop_work *work)
{
	mutex_lock(&loop->lock);
	list_del(&work->link);
	mutex_unlock(&loop->lock);
}

static struct loop_work *take_work(struct loop *loop)
{
	struct loop_work *work = NULL;

	mutex_lock(&loop->lock);
	if (!list_empty(&loop->works)) {
		work = list_first(&loop->works, struct loop_work, link);
		list_del(&work->link);
	}
	mutex_unlock(&loop->lock);
	return work;
}

static u32 count_works(struct loop *loop)
{
	u32 count = 0;

	mutex_lock(&loop->lock);
	for (struct list *at = loop->works.next; at != &loop->works;
	     at = at->next)
		count++;
	mutex_unlock(&loop->lock);
	return count;
}

/*
 * What is posted meanwhile, perhaps by the work itself, waits for the next
 * round: watches and timers come in between. Who posts to a queue that is not
 * empty does not ring, so that is done here.
 */
static void on_wake_fd(struct loop_watch *watch, u32 events)
{
	struct loop *loop = watch->ctx;
	struct loop_work *work;
	u32 count;
	u64 rings;

	(void)events;
	/* Only empties the fd, before the queue: no ring is lost. */
	(void)!read(loop->wake_fd, &rings, sizeof(rings));
	for (count = count_works(loop); count; count--) {
		work = take_work(loop);
		if (work)
			work->fn(work);
	}
	if (count_works(loop))
		ring(loop);
}

/* ---- running ---- */

/* needs: io: epoll_wait */
int loop_run_once(struct loop *loop, u64 timeout_ns)
{
	u64 ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
	int wait_ms = timeout_ns == UINT64_MAX ? -1
					       : (int)MIN(ms, (u64)INT32_MAX);
	int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH_MAX, wait_ms);

	if (n < 0)
		return errno == EINTR ? 0 : trace_err(-errno);
	loop->batch_count = n;
	for (int i = 0; i < loop->batch_count; i++) {
		struct loop_watch *watch = loop->batch[i].data.ptr;

		if (watch)
			watch->fn(watch, loop->batch[i].events);
	}
	loop->batch_count = 0;
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	while (!err && !__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE))
		err = loop_run_once(loop, UINT64_MAX);
	__atomic_store_n(&loop->stop, false, __ATOMIC_RELEASE);
	return err;
}

void loop_stop(struct loop *loop)
{
	__atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
	ring(loop);
}
