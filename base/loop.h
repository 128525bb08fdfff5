/* SPDX-License-Identifier: MIT */
/*
 * The event loop of one I/O thread: file descriptors, timers, and work posted
 * by other threads. Watches, timers and work items live in their owner's
 * structs, so the loop allocates nothing after loop_create.
 *
 * Everything but loop_post and loop_stop belongs to the loop's own thread (or
 * to its creator before loop_run). Callbacks may add and remove anything,
 * themselves included; a removed watch, timer or work item is not called
 * again, and its memory may be reused at once.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/epoll.h>

#include "base/list.h"
#include "base/types.h"

struct loop;

/* -ENOMEM, -EMFILE, -ENFILE. */
must_check int loop_create(struct loop **ret_loop);

/* Everything must have been removed. Accepts NULL. */
void loop_free(struct loop *loop);

/* Until loop_stop. 0, or -errno of epoll_wait. */
must_check int loop_run(struct loop *loop);

/* One round: waits at most `timeout_ns` (UINT64_MAX = forever). */
must_check int loop_run_once(struct loop *loop, u64 timeout_ns);

/* Any thread. A stop before loop_run ends that run at once. */
void loop_stop(struct loop *loop);

/* ---- file descriptors ---- */

struct loop_watch {
	int fd;	    /* borrowed: remove the watch before closing it */
	u32 events; /* EPOLLIN, EPOLLOUT, ... level triggered */
	void (*fn)(struct loop_watch *watch, u32 events);
	void *ctx; /* for the owner */
};

/* Fill `fd`, `events`, `fn` first. -EEXIST, -EPERM (a regular file), -ENOMEM */
must_check int loop_watch_add(struct loop *loop, struct loop_watch *watch);
/* Changes the awaited events; EPOLLHUP and EPOLLERR come unasked. */
must_check int loop_watch_modify(struct loop *loop, struct loop_watch *watch,
				 u32 events);
void loop_watch_del(struct loop *loop, struct loop_watch *watch);

/* ---- timers ---- */

struct loop_timer {
	void (*fn)(struct loop_timer *timer);
	void *ctx;	 /* for the owner */
	u64 deadline_ns; /* clock_now_ns() time */
	struct list link;
};

void loop_timer_init(struct loop_timer *timer,
		     void (*fn)(struct loop_timer *timer), void *ctx);
/* One shot, at or after the deadline; a set timer is moved. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer,
		    u64 deadline_ns);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);

/* ---- work from other threads ---- */

struct loop_work {
	void (*fn)(struct loop_work *work);
	void *ctx; /* for the owner */
	struct list link;
};

void loop_work_init(struct loop_work *work, void (*fn)(struct loop_work *work),
		    void *ctx);
/*
 * Any thread, no allocation: fn runs once in the loop's thread. Posting what
 * is still waiting does nothing, so the callback must look at all there is. What
 * a callback posts runs in the next round, after watches and timers that are due.
 */
void loop_post(struct loop *loop, struct loop_work *work);
void loop_work_cancel(struct loop *loop, struct loop_work *work);

#endif
