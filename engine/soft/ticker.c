/* SPDX-License-Identifier: MIT */
/*
 * See ticker.h. The periods are a timer's of the kernel, which the vCPU that
 * comes in first starts itself: to wake the thread for that would cost more than
 * most of what an idle guest does when its own timer wakes it.
 */
#include "engine/soft/ticker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

struct ticker {
	struct soft_vm *vm; /* borrowed: outlives this */
	struct thread thread;
	int timer;	   /* owned */
	struct mutex lock; /* vm.run_lock is taken inside */
	bool stop;	   /* atomic */
	u32 running;	   /* atomic, written under the lock: the timer runs */
	u32 looked;	   /* atomic: the thread did, since it runs */
};

/* Guest code runs, and not in a stub, for which the vCPU waits with a time-out.
 * run_lock held: vCPUs join and leave with all outside; a slot that is set stays. */
static bool runs(const struct soft_vcpu *vcpu)
{
	return vcpu && vcpu->inside &&
	       !__atomic_load_n(&vcpu->sleeping, __ATOMIC_SEQ_CST);
}

static bool tick(struct soft_vm *vm)
{
	bool any = false;

	mutex_lock(&vm->run_lock);
	for (u32 i = 0; vm->inside && i < SOFT_VCPUS_MAX; i++)
		if (runs(vm->vcpu[i])) {
			soft_request(vm->vcpu[i], REQUEST_POLL);
			any = true;
		}
	mutex_unlock(&vm->run_lock);
	return any;
}

static bool anybody_runs(struct soft_vm *vm)
{
	bool any = false;

	mutex_lock(&vm->run_lock);
	for (u32 i = 0; vm->inside && !any && i < SOFT_VCPUS_MAX; i++)
		any = runs(vm->vcpu[i]);
	mutex_unlock(&vm->run_lock);
	return any;
}

/* 0: it stops. */
/* needs: io vcpu worker: timerfd_settime */
static void timer_set(struct ticker *ticker, long period_ns)
{
	struct itimerspec time = {.it_interval.tv_nsec = period_ns,
				  .it_value.tv_nsec = period_ns};
	int err = timerfd_settime(ticker->timer, 0, &time, NULL);

	assert(!err);
}

/* ticker.lock held, and the timer runs. Who comes in meanwhile sees that it
 * does not, or is seen here. */
static void stop_running(struct ticker *ticker)
{
	__atomic_store_n(&ticker->running, 0, __ATOMIC_SEQ_CST);
	if (anybody_runs(ticker->vm))
		__atomic_store_n(&ticker->running, 1, __ATOMIC_SEQ_CST);
	else
		timer_set(ticker, 0);
}

static void rest(struct ticker *ticker)
{
	mutex_lock(&ticker->lock);
	if (ticker->running) /* else a vCPU was here first */
		stop_running(ticker);
	mutex_unlock(&ticker->lock);
}

/* needs: worker: read */
static void ticker_run(void *ctx)
{
	struct ticker *ticker = ctx;
	u64 periods;

	while (!__atomic_load_n(&ticker->stop, __ATOMIC_RELAXED)) {
		if (read(ticker->timer, &periods, sizeof(periods)) < 0)
			continue; /* a signal: it reads again */
		__atomic_store_n(&ticker->looked, 1, __ATOMIC_RELAXED);
		if (!tick(ticker->vm))
			rest(ticker);
	}
}

int ticker_create(struct soft_vm *vm, struct ticker **ret)
{
	struct ticker *ticker = calloc(1, sizeof(*ticker));
	int err;

	if (!ticker)
		return trace_err(-ENOMEM);
	ticker->vm = vm;
	ticker->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (ticker->timer < 0) {
		err = trace_err(-errno);
		free(ticker);
		return err;
	}
	mutex_init(&ticker->lock);
	err = thread_start(&ticker->thread, "keel-ticker", ticker_run, ticker);
	if (err) {
		mutex_release(&ticker->lock);
		(void)close(ticker->timer); /* nothing is lost with it */
		free(ticker);
		return err;
	}
	*ret = ticker;
	return 0;
}

void ticker_free(struct ticker *ticker)
{
	if (!ticker)
		return;
	__atomic_store_n(&ticker->stop, true, __ATOMIC_RELAXED);
	timer_set(ticker, 1);
	thread_join(&ticker->thread);
	mutex_release(&ticker->lock);
	(void)close(ticker->timer); /* nothing is lost with it */
	free(ticker);
}

void ticker_wake(struct ticker *ticker)
{
	if (likely(__atomic_load_n(&ticker->running, __ATOMIC_SEQ_CST)))
		return;
	mutex_lock(&ticker->lock);
	if (!ticker->running) {
		__atomic_store_n(&ticker->looked, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&ticker->running, 1, __ATOMIC_SEQ_CST);
		timer_set(ticker, TICKER_PERIOD_NS);
	}
	mutex_unlock(&ticker->lock);
}

void ticker_rest(struct ticker *ticker)
{
	if (!__atomic_load_n(&ticker->looked, __ATOMIC_RELAXED))
		rest(ticker);
}
