/* SPDX-License-Identifier: MIT */
/*
 * Trying again, less and less often: after RETRY_MIN_NS, twice that, and so on
 * up to RETRY_MAX_NS. What lasted that long was a success, and the next waiting
 * is short again. The event loop's thread.
 */
#ifndef VMM_NET_RETRY_H
#define VMM_NET_RETRY_H

#include "base/clock.h"
#include "base/loop.h"

#define RETRY_MIN_NS (100 * NS_PER_MS)
#define RETRY_MAX_NS (10 * NS_PER_S)

struct retry {
	struct loop *loop; /* borrowed: must outlive this */
	struct loop_timer timer;
	u64 began_ns, delay_ns;
};

/* timer->ctx is `ctx`. */
void retry_init(struct retry *retry, struct loop *loop,
		void (*fn)(struct loop_timer *timer), void *ctx);
void retry_stop(struct retry *retry);

/* An attempt begins. */
void retry_began(struct retry *retry, u64 now_ns);
/* It has failed, or what it began has ended: the timer is set. */
void retry_ended(struct retry *retry, u64 now_ns);

#endif
