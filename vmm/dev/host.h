/* SPDX-License-Identifier: MIT */
/*
 * Time as devices see it: two clocks and one-shot timers, passed in so that
 * a test can own time.
 */
#ifndef VMM_DEV_HOST_H
#define VMM_DEV_HOST_H

#include "base/loop.h"
#include "base/types.h"

struct dev_host;

#define DEV_TIMER_NEVER UINT64_MAX

/*
 * Calls fn(ctx) from the loop's thread at or after the deadline, with no lock
 * held; now and then also without need, so fn looks at the clock itself.
 */
struct dev_timer {
	void (*fn)(void *ctx);
	void *ctx;
	struct dev_host *host; /* borrowed: must outlive the timer */
	u64 deadline_ns;       /* atomic; DEV_TIMER_NEVER = not set */
	/* The real host's: */
	struct loop_timer timer;
	struct loop_work work;
};

struct dev_host {
	u64 (*now_ns)(struct dev_host *host);	   /* monotonic */
	u64 (*realtime_ns)(struct dev_host *host); /* since 1970, UTC */
	void (*timer_changed)(struct dev_host *host, struct dev_timer *timer);
	void (*timer_gone)(struct dev_host *host, struct dev_timer *timer);
	struct loop *loop; /* borrowed: must outlive this; NULL in tests */
};

/* The real clocks and the machine's event loop. */
void dev_host_init(struct dev_host *host, struct loop *loop);

void dev_timer_init(struct dev_timer *timer, struct dev_host *host,
		    void (*fn)(void *ctx), void *ctx);
/* The loop's thread only, or before it runs. */
void dev_timer_release(struct dev_timer *timer);
/* Any thread, no allocation. An unchanged deadline costs nothing. */
void dev_timer_set(struct dev_timer *timer, u64 deadline_ns);
u64 dev_timer_deadline(const struct dev_timer *timer);

#endif
