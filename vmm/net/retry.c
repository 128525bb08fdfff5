/* SPDX-License-Identifier: MIT */
/* Trying again: see retry.h. */
#include "vmm/net/retry.h"

void retry_init(struct retry *retry, struct loop *loop,
		void (*fn)(struct loop_timer *timer), void *ctx)
{
	*retry = (struct retry){.loop = loop};
	loop_timer_init(&retry->timer, fn, ctx);
}

void retry_stop(struct retry *retry)
{
	if (retry->loop)
		loop_timer_clear(retry->loop, &retry->timer);
}

void retry_began(struct retry *retry, u64 now_ns)
{
	retry->began_ns = now_ns;
}

void retry_ended(struct retry *retry, u64 now_ns)
{
	if (!retry->delay_ns || now_ns - retry->began_ns >= RETRY_MAX_NS)
		retry->delay_ns = RETRY_MIN_NS;
	else
		retry->delay_ns = MIN(2 * retry->delay_ns, RETRY_MAX_NS);
	loop_timer_set(retry->loop, &retry->timer, now_ns + retry->delay_ns);
}
