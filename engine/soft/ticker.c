/* SPDX-License-Identifier: MIT */
/* See ticker.h. */
#include "engine/soft/ticker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

/*
 * To sleep and to be woken costs more than a look that finds nobody, unless the
 * sleep is long. Where the last one was short, as with a guest that waits for
 * its disk, it waits for more looks in vain before the next. An idle guest, whose
 * timer runs a few times a second, is not worth a second look.
 */
#define LOOKS_MOST     8
#define SHORT_SLEEP_NS (2 * TICKER_PERIOD_NS)

struct ticker {
	struct soft_vm *vm; /* borrowed: outlives this */
	struct thread thread;
	struct mutex lock;
	struct cond cond;
	bool stop;    /* lock */
	u32 sleeping; /* atomic; set and cleared under the lock */
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

/* False: it is to end. */
static bool period_sleep(struct ticker *ticker)
{
	u64 end = clock_now_ns() + TICKER_PERIOD_NS;
	bool stop;

	mutex_lock(&ticker->lock);
	while (!ticker->stop &&
	       cond_wait_until(&ticker->cond, &ticker->lock, end))
		;
	stop = ticker->stop;
	mutex_unlock(&ticker->lock);
	return !stop;
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

/* False: it is to end. */
static bool sleep_until_woken(struct ticker *ticker)
{
	bool stop;

	mutex_lock(&ticker->lock);
	__atomic_store_n(&ticker->sleeping, 1, __ATOMIC_SEQ_CST);
	/* Who came in before it could see us asleep shows here. */
	while (!ticker->stop && !anybody_runs(ticker->vm))
		cond_wait(&ticker->cond, &ticker->lock);
	__atomic_store_n(&ticker->sleeping, 0, __ATOMIC_SEQ_CST);
	stop = ticker->stop;
	mutex_unlock(&ticker->lock);
	return !stop;
}

static void ticker_run(void *ctx)
{
	struct ticker *ticker = ctx;
	u64 since = clock_now_ns();

	while (sleep_until_woken(ticker)) {
		u64 slept = clock_now_ns() - since;
		u32 left, most = slept < SHORT_SLEEP_NS ? LOOKS_MOST : 1;

		for (left = most; left; left--) {
			if (!period_sleep(ticker))
				return;
			if (tick(ticker->vm))
				left = most + 1;
		}
		since = clock_now_ns();
	}
}

int ticker_create(struct soft_vm *vm, struct ticker **ret)
{
	struct ticker *ticker = calloc(1, sizeof(*ticker));
	int err;

	if (!ticker)
		return trace_err(-ENOMEM);
	ticker->vm = vm;
	mutex_init(&ticker->lock);
	cond_init(&ticker->cond);
	err = thread_start(&ticker->thread, "keel-ticker", ticker_run, ticker);
	if (err) {
		cond_release(&ticker->cond);
		mutex_release(&ticker->lock);
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
	mutex_lock(&ticker->lock);
	ticker->stop = true;
	cond_wake_one(&ticker->cond);
	mutex_unlock(&ticker->lock);
	thread_join(&ticker->thread);
	cond_release(&ticker->cond);
	mutex_release(&ticker->lock);
	free(ticker);
}

void ticker_wake(struct ticker *ticker)
{
	if (likely(!__atomic_load_n(&ticker->sleeping, __ATOMIC_SEQ_CST)))
		return;
	/* It waits now, or will see who came in. Woken while the lock is held it
	 * would run at once and into the lock. */
	mutex_lock(&ticker->lock);
	mutex_unlock(&ticker->lock);
	cond_wake_one(&ticker->cond);
}
