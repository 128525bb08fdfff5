/* SPDX-License-Identifier: MIT */
/* A vCPU run by a thread of its own, kicked with a signal to stop. */
#include <signal.h>

#include "base/clock.h"
#include "base/thread.h"
#include "engine/conform/machine.h"

#define KICK_SIGNAL SIGUSR1

struct runner {
	struct machine *m;
	u32 id;
	int rc;
	bool ended; /* atomic */
	bool stop;  /* atomic: somebody wants it to end */
	u64 ticks;  /* atomic */
	struct thread thread;
};

static void on_kick(int number)
{
	(void)number; /* KVM_RUN returns: that is all it is for */
}

static bool is_tick(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_TICK;
}

static void runner_run(void *ctx)
{
	struct runner *r = ctx;
	struct engine_vcpu *vcpu = r->m->vcpu[r->id];

	for (;;) {
		r->rc = vcpu->ops->run(vcpu);
		/* INIT or SIPI came to one that waited: it is to try again. */
		if (r->rc == -EAGAIN)
			continue;
		if (r->rc < 0 || !is_tick(vcpu->run))
			break;
		__atomic_fetch_add(&r->ticks, 1, __ATOMIC_RELAXED);
		if (__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
			r->rc = -EINTR;
			break;
		}
	}
	__atomic_store_n(&r->ended, true, __ATOMIC_RELEASE);
}

struct runner *runner_start(struct machine *m, u32 id)
{
	const struct sigaction action = {.sa_handler = on_kick};
	struct runner *r = calloc(1, sizeof(*r));

	check(r != NULL);
	check_eq(sigaction(KICK_SIGNAL, &action, NULL), 0);
	r->m = m;
	r->id = id;
	check_ok(thread_start(&r->thread, "runner", runner_run, r));
	return r;
}

u64 runner_ticks(const struct runner *r)
{
	return __atomic_load_n(&r->ticks, __ATOMIC_RELAXED);
}

/* A signal may come just before KVM_RUN: it is sent until it had effect. */
int runner_stop(struct runner *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&r->ended, __ATOMIC_ACQUIRE)) {
		const struct timespec pause = {0, NS_PER_MS};

		check_eq(pthread_kill(r->thread.id, KICK_SIGNAL), 0);
		(void)nanosleep(&pause, NULL); /* cut short: all the better */
	}
	return runner_join(r);
}

int runner_join(struct runner *r)
{
	int rc;

	thread_join(&r->thread);
	rc = r->rc;
	free(r);
	return rc;
}
