/* SPDX-License-Identifier: MIT */
/* The real clocks, and timers that vCPU threads may set. */
#include "vmm/dev/host.h"

#include "base/clock.h"

static u64 real_now_ns(struct dev_host *host)
{
	(void)host;
	return clock_now_ns();
}

static u64 real_realtime_ns(struct dev_host *host)
{
	(void)host;
	return clock_realtime_ns();
}

u64 dev_timer_deadline(const struct dev_timer *timer)
{
	return __atomic_load_n(&timer->deadline_ns, __ATOMIC_ACQUIRE);
}

/* The loop's timers belong to its thread: hand the deadline over there. */
static void real_timer_changed(struct dev_host *host, struct dev_timer *timer)
{
	loop_post(host->loop, &timer->work);
}

static void real_timer_gone(struct dev_host *host, struct dev_timer *timer)
{
	loop_work_cancel(host->loop, &timer->work);
	loop_timer_clear(host->loop, &timer->timer);
}

static void timer_take_over(struct loop_work *work)
{
	struct dev_timer *timer = work->ctx;
	u64 deadline_ns = dev_timer_deadline(timer);

	if (deadline_ns == DEV_TIMER_NEVER)
		loop_timer_clear(timer->host->loop, &timer->timer);
	else
		loop_timer_set(timer->host->loop, &timer->timer, deadline_ns);
}

static void timer_expired(struct loop_timer *loop_timer)
{
	struct dev_timer *timer = loop_timer->ctx;
	u64 deadline_ns = dev_timer_deadline(timer);

	/* Moved to later meanwhile: the posted work sets it anew. */
	if (deadline_ns > timer->host->now_ns(timer->host))
		return;
	__atomic_compare_exchange_n(&timer->deadline_ns, &deadline_ns,
				    DEV_TIMER_NEVER, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_ACQUIRE);
	timer->fn(timer->ctx);
}

void dev_host_init(struct dev_host *host, struct loop *loop)
{
	*host = (struct dev_host){
		.now_ns = real_now_ns,
		.realtime_ns = real_realtime_ns,
		.timer_changed = real_timer_changed,
		.timer_gone = real_timer_gone,
		.loop = loop,
	};
}

void dev_timer_init(struct dev_timer *timer, struct dev_host *host,
		    void (*fn)(void *ctx), void *ctx)
{
	*timer = (struct dev_timer){
		.fn = fn,
		.ctx = ctx,
		.host = host,
		.deadline_ns = DEV_TIMER_NEVER,
	};
	loop_timer_init(&timer->timer, timer_expired, timer);
	loop_work_init(&timer->work, timer_take_over, timer);
}

void dev_timer_release(struct dev_timer *timer)
{
	timer->deadline_ns = DEV_TIMER_NEVER;
	timer->host->timer_gone(timer->host, timer);
}

void dev_timer_set(struct dev_timer *timer, u64 deadline_ns)
{
	u64 old = __atomic_exchange_n(&timer->deadline_ns, deadline_ns,
				      __ATOMIC_ACQ_REL);

	if (old != deadline_ns)
		timer->host->timer_changed(timer->host, timer);
}
